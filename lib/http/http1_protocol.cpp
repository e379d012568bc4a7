// HTTP/1.1: one request at a time.
#include <cerrno>

#include "http/internal/client_connection.hpp"
#include "http/internal/response_reader.hpp"

namespace leakline::http {

namespace {

constexpr std::string_view kHttp2Only = "the target speaks HTTP/2 only; --http2 sends it";

bool is_closed(int error) { return error == EPIPE || error == ECONNRESET; }

class Http1Protocol final : public ClientProtocol {
  public:
    explicit Http1Protocol(Connection& connection) : connection_(connection), response_(connection.settings().options.max_header) {}

    void opened() override {}
    void closed() override { exchange_ = nullptr; }
    void flush() override {}

    void send(Exchange& exchange, std::string_view bytes) override {
        exchange_ = &exchange;
        write_broken_ = false;
        exchange.done.http2 = exchange.done.is_grpc = false;  // an attempt before this may have been over HTTP/2
        // Only a request that may be sent twice needs a copy.
        if (exchange.idempotent && bytes.data() != exchange.copy.data()) exchange.copy.assign(bytes);
        exchange.done.first_write = exchange.reused ? exchange.done.started : steady_now();
        response_.begin(exchange.head, exchange.kept_response());
        const Connection::Written written = connection_.write(bytes);
        // None of it reached the server: any request may be sent again.
        if (written.nothing && exchange.reused && is_closed(written.error)) return again(bytes);
        if (written.error != 0) write_failed(written.error);
    }

    void on_writable(int error) override {
        if (error != 0) write_failed(error);
    }

    void on_readable(bool peer_has_closed) override {
        const EventLoop::Id reading = connection_.watched();
        const std::span<char> buffer = connection_.buffer();
        ClientSocket& socket = connection_.socket();
        for (int reads = 0; reads < Connection::kReadsPerTurn; ++reads) {
            const Transfer got = socket.receive(buffer);
            if (got.error == EAGAIN) return;
            if (got.count == 0) return ended(got.error);
            if (exchange_ == nullptr) return connection_.close();  // bytes without a request
            const std::string_view bytes(buffer.data(), got.count);
            const bool first = !response_.started();
            switch (response_.take(bytes)) {
                case ResponseReader::Step::more:
                    if (got.count < buffer.size()) socket.acknowledge();
                    break;
                case ResponseReader::Step::malformed: return fail(Failure::malformed, first && is_http2_frame(bytes) ? kHttp2Only : "");
                case ResponseReader::Step::whole:
                    over(!exchange_->close_after && response_.reusable() && !connection_.is_writing() && !write_broken_ &&
                         !peer_has_closed);
                    if (connection_.watched() != reading) return;
                    break;
            }
            // That was all: later data is a new event. The end of the connection is reported together with the data before it.
            if (got.count < buffer.size() && !peer_has_closed && !socket.has_tls()) return;
        }
        connection_.rearm();
    }

    void give_up(Exchange&, bool) override { connection_.close(); }

  private:
    // SETTINGS, which a server of HTTP/2 begins with: three bytes of length, type 4, no flags, stream 0.
    static bool is_http2_frame(std::string_view bytes) {
        return bytes.size() >= 9 && bytes[0] == 0 && bytes[3] == 4 && bytes.substr(4, 5) == std::string_view("\0\0\0\0\0", 5);
    }

    void write_failed(int error) {
        // The server may have answered before it closed: what is received ends with the response, EOF or a reset.
        if (is_closed(error) && !write_broken_)
            write_broken_ = true;
        else
            fail(Failure::write);
    }

    void ended(int error) {
        if (exchange_ == nullptr) return connection_.close();  // closed while idle
        if (error == 0 && response_.end() == ResponseReader::Step::whole) return over(false);
        if (exchange_->reused && !response_.started() && exchange_->idempotent && (error == 0 || is_closed(error)))
            return again(exchange_->copy);
        // In TLS 1.3 a client has sent its request by the time that the server looks at its certificate.
        if (error == EPROTO && !exchange_->reused && !response_.started())
            if (auto refusal = connection_.socket().certificate_refusal())
                return connection_.refuse(std::move(refusal->message), std::move(refusal->hint));
        fail(write_broken_ ? Failure::write : error == 0 ? Failure::eof : Failure::reset);
    }

    // The server closed a kept-alive connection during the request: send it again on a new one.
    void again(std::string_view bytes) {
        Exchange& exchange = *exchange_;
        if (bytes.data() != exchange.copy.data()) exchange.copy.assign(bytes);
        connection_.close();
        connection_.send_again(exchange);
    }

    void fail(Failure failure, std::string_view reason = {}) {
        Exchange& exchange = *exchange_;
        exchange.set_failure(failure, reason);
        connection_.close();
        connection_.finish(exchange);
    }

    void over(bool keep) {
        Exchange& exchange = *exchange_;
        exchange.done.status = response_.status();
        exchange_ = nullptr;
        if (!keep) connection_.close();
        connection_.finish(exchange);
    }

    Connection& connection_;
    Exchange* exchange_ = nullptr;  // in progress
    bool write_broken_ = false;
    ResponseReader response_;
};

}  // namespace

std::unique_ptr<ClientProtocol> make_http1(Connection& connection) { return std::make_unique<Http1Protocol>(connection); }

}  // namespace leakline::http
