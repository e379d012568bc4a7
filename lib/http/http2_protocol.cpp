// HTTP/2 (RFC 9113) through nghttp2: one stream per request.
//
// nghttp2's callbacks only note what has happened to each exchange. The exchanges are reported after nghttp2 has returned, because
// the pool sends the next request then, and may close the connection.
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "http/internal/client_connection.hpp"
#include "http/internal/http2_request.hpp"

namespace leakline::http {

namespace {

// What is received is discarded at once: no need to hold the target back.
constexpr std::int32_t kWindow = 1 << 30;
// Bytes that are put together before they are written.
constexpr std::size_t kWriteAtOnce = 64 * 1024;
// A request that the target refuses, without having looked at it, is sent at most this often.
constexpr std::uint32_t kMaxAttempts = 4;

// gRPC defines 0 to 16, services have own ones, too. Bounded, because they are counted by their number: others are gRPC's UNKNOWN.
int grpc_status_of(std::string_view text) {
    constexpr int kLast = 999, kUnknown = 2;
    int code = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
    return error == std::errc{} && end == text.data() + text.size() && code >= 0 && code <= kLast ? code : kUnknown;
}

class Http2Protocol final : public ClientProtocol {
  public:
    explicit Http2Protocol(Connection& connection) : connection_(connection) {}
    ~Http2Protocol() override { closed(); }

    void opened() override {
        const Options& shared = Options::shared();
        if (nghttp2_session_client_new2(&session_, shared.callbacks, this, shared.option) != 0)
            throw Error(ErrorKind::system, "nghttp2", "out of memory");
        const auto max_header = static_cast<std::uint32_t>(connection_.settings().options.max_header);
        const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                                   {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow},
                                                   {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, max_header}};
        nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
        nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
        has_settings_ = false;
        last_progress_ = {};
        invalid_.clear();
        goaway_.reset();
    }

    void closed() override {
        nghttp2_session_del(std::exchange(session_, nullptr));
        outgoing_.clear();
        over_.clear();
    }

    void send(Exchange& exchange, std::string_view bytes) override {
        if (bytes.data() != exchange.copy.data()) exchange.copy.assign(bytes);
        exchange.written = exchange.answered = exchange.whole = exchange.reset_by_target = exchange.headers_too_large = false;
        exchange.header_bytes = 0;
        exchange.close_code = NGHTTP2_NO_ERROR;
        exchange.done.status = 0;
        exchange.done.grpc_status = -1;
        exchange.done.http2 = true;
        if (KeptResponse* kept = exchange.kept_response()) kept->clear();
        if (!request_.read(exchange.copy, connection_.socket().has_tls() ? "https" : "http")) return fail(exchange, Failure::malformed, {});
        exchange.body = request_.body;
        exchange.done.is_grpc = request_.is_grpc;
        nghttp2_data_provider data{};
        data.source.ptr = &exchange;
        data.read_callback = read_body;
        const std::int32_t stream = nghttp2_submit_request(session_, nullptr, request_.fields.data(), request_.fields.size(),
                                                           exchange.body.empty() ? nullptr : &data, &exchange);
        if (stream < 0) {  // the numbers of streams are used up: 2^30 requests
            connection_.end();
            return connection_.send_again(exchange);
        }
        exchange.stream = stream;
        connection_.owner().flush_later(connection_);
    }

    void on_writable(int error) override {
        if (error != 0) return lost(error);
        flush();
    }

    void on_readable(bool peer_has_closed) override {
        const EventLoop::Id reading = connection_.watched();
        const std::span<char> buffer = connection_.buffer();
        for (int reads = 0; reads < Connection::kReadsPerTurn; ++reads) {
            const Transfer got = connection_.socket().receive(buffer);
            if (got.error == EAGAIN) return;
            if (got.count == 0) return lost(got.error);
            if (!has_settings_ && std::string_view(buffer.data(), got.count).starts_with("HTTP/1"))
                return connection_.refuse("the target speaks HTTP/1, not HTTP/2", hint());
            now_ = steady_now();
            const ssize_t used = nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(buffer.data()), got.count);
            if (used < 0) {
                if (invalid_.empty()) invalid_ = nghttp2_strerror(static_cast<int>(used));
                return lost(EPROTO);
            }
            report();
            if (connection_.watched() != reading) return;
            if (nghttp2_session_want_write(session_) != 0) connection_.owner().flush_later(connection_);
            if (is_finished()) return lost(0);
            // The end of the connection is reported together with the data before it.
            if (got.count < buffer.size() && !peer_has_closed && !connection_.socket().has_tls()) return;
        }
        connection_.rearm();
    }

    void flush() override {
        const EventLoop::Id writing = connection_.watched();
        now_ = steady_now();
        while (!connection_.is_writing()) {
            if (!take_frames()) return lost(EPROTO);
            if (outgoing_.empty()) break;
            const Connection::Written written = connection_.write(outgoing_);
            outgoing_.clear();
            if (written.error != 0) return lost(written.error);
        }
        report();
        if (connection_.watched() != writing) return;
        if (is_finished()) return lost(0);
        if (nghttp2_session_want_read(session_) != 0) invalid_.clear();  // it was one stream's
    }

    void give_up(Exchange& exchange, bool timed_out) override {
        if (timed_out && !has_settings_) {
            connection_.owner().connect_failed("the target did not answer with HTTP/2", hint());
            exchange.done.first_write = {};
        }
        // Nothing has come for as long as this request waited: others are better off on another connection.
        if (timed_out && last_progress_ < exchange.started()) connection_.end();
        nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, exchange.stream, NGHTTP2_CANCEL);
        exchange.stream = 0;
        std::erase(over_, &exchange);
        connection_.owner().flush_later(connection_);
    }

  private:
    struct Options {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_option* option = nullptr;

        static const Options& shared() {
            static const Options options = [] {
                Options made;
                if (nghttp2_session_callbacks_new(&made.callbacks) != 0 || nghttp2_option_new(&made.option) != 0)
                    throw Error(ErrorKind::system, "nghttp2", "out of memory");
                nghttp2_option_set_no_closed_streams(made.option, 1);
                nghttp2_session_callbacks_set_on_begin_headers_callback(made.callbacks, on_begin_headers);
                nghttp2_session_callbacks_set_on_header_callback(made.callbacks, on_header);
                nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made.callbacks, on_data);
                nghttp2_session_callbacks_set_on_frame_recv_callback(made.callbacks, on_frame);
                nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made.callbacks, on_invalid_frame);
                nghttp2_session_callbacks_set_on_frame_send_callback(made.callbacks, on_frame_sent);
                nghttp2_session_callbacks_set_on_stream_close_callback(made.callbacks, on_stream_close);
                return made;
            }();
            return options;
        }
    };

    // nghttp2's callbacks

    static Http2Protocol& self(void* data) { return *static_cast<Http2Protocol*>(data); }

    // Null for a stream whose exchange was given up: the pointer may be another request's by now.
    Exchange* exchange_of(std::int32_t stream) const {
        auto* exchange = static_cast<Exchange*>(nghttp2_session_get_stream_user_data(session_, stream));
        return exchange != nullptr && exchange->stream == stream && connection_.carries(*exchange) ? exchange : nullptr;
    }

    static ssize_t read_body(nghttp2_session*, std::int32_t stream, std::uint8_t* into, std::size_t size, std::uint32_t* flags,
                             nghttp2_data_source* source, void*) {
        Exchange& exchange = *static_cast<Exchange*>(source->ptr);
        if (exchange.stream != stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        const std::size_t count = exchange.body.copy(reinterpret_cast<char*>(into), size);
        exchange.body.remove_prefix(count);
        if (exchange.body.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(count);
    }

    static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* data) {
        self(data).headers_of_ = self(data).exchange_of(frame->hd.stream_id);
        return 0;
    }

    static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                         std::size_t value_size, std::uint8_t, void* data) {
        Exchange* exchange = self(data).headers_of_;
        return exchange == nullptr ? 0 : self(data).take_field(*exchange, text_of(name, name_size), text_of(value, value_size));
    }

    int take_field(Exchange& exchange, std::string_view name, std::string_view value) {
        exchange.header_bytes += name.size() + value.size() + 2;
        if (exchange.header_bytes > connection_.settings().options.max_header) {
            exchange.headers_too_large = true;
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // resets the stream
        }
        KeptResponse* kept = exchange.kept_response();
        if (name == ":status") {  // also of an interim response (1xx)
            std::from_chars(value.data(), value.data() + value.size(), exchange.done.status);
            if (kept != nullptr) kept->clear();
        } else {
            if (exchange.done.is_grpc && name == "grpc-status") exchange.done.grpc_status = grpc_status_of(value);
            if (kept != nullptr) kept->headers.emplace_back(name, value);
        }
        return 0;
    }

    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes, std::size_t size, void* data) {
        Exchange* exchange = self(data).exchange_of(stream);
        if (exchange == nullptr) return 0;
        if (KeptResponse* kept = exchange->kept_response()) kept->add_body(text_of(bytes, size));
        return 0;
    }

    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
        self(data).take_frame(*frame);
        return 0;
    }

    void take_frame(const nghttp2_frame& frame) {
        switch (frame.hd.type) {
            case NGHTTP2_SETTINGS: has_settings_ = true; return;
            case NGHTTP2_GOAWAY:
                goaway_ = frame.goaway.error_code;
                connection_.end();
                return;
            case NGHTTP2_RST_STREAM:
                if (Exchange* exchange = exchange_of(frame.hd.stream_id)) exchange->reset_by_target = true;
                return;
            case NGHTTP2_HEADERS:
            case NGHTTP2_DATA: break;
            default: return;
        }
        last_progress_ = now_;
        Exchange* exchange = exchange_of(frame.hd.stream_id);
        if (exchange == nullptr) return;
        exchange->answered = true;
        if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return;
        exchange->whole = true;
        if (exchange->body.empty()) return;  // on_stream_close() follows
        // The response came before the request was sent whole.
        nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, frame.hd.stream_id, NGHTTP2_NO_ERROR);
        finished(*exchange);
    }

    static int on_invalid_frame(nghttp2_session*, const nghttp2_frame*, int code, void* data) {
        if (self(data).invalid_.empty()) self(data).invalid_ = nghttp2_strerror(code);
        return 0;
    }

    static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* data) {
        if (frame->hd.type == NGHTTP2_GOAWAY) self(data).take_own_goaway(frame->goaway);
        if (frame->hd.type != NGHTTP2_HEADERS) return 0;
        Exchange* exchange = self(data).exchange_of(frame->hd.stream_id);
        if (exchange == nullptr) return 0;
        exchange->written = true;
        exchange->done.first_write = self(data).now_;
        return 0;
    }

    // nghttp2 ends the connection: why the target's frames are invalid.
    void take_own_goaway(const nghttp2_goaway& goaway) {
        if (goaway.error_code == NGHTTP2_NO_ERROR || !invalid_.empty()) return;
        const std::string_view text = text_of(goaway.opaque_data, goaway.opaque_data_len);
        invalid_ = text.empty() ? nghttp2_http2_strerror(goaway.error_code) : printable(text);
    }

    static int on_stream_close(nghttp2_session*, std::int32_t stream, std::uint32_t code, void* data) {
        Exchange* exchange = self(data).exchange_of(stream);
        if (exchange == nullptr) return 0;
        exchange->close_code = code;
        self(data).finished(*exchange);
        return 0;
    }

    // Results

    void finished(Exchange& exchange) {
        exchange.stream = 0;
        over_.push_back(&exchange);
    }

    // Appends frames to outgoing_, until there are no more for now or enough. False: nghttp2 cannot go on.
    bool take_frames() {
        while (outgoing_.size() < kWriteAtOnce) {
            const std::uint8_t* bytes = nullptr;
            const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
            if (size < 0) return false;
            if (size == 0) break;
            outgoing_.append(text_of(bytes, static_cast<std::size_t>(size)));
        }
        return true;
    }

    // Nothing more comes or goes: after an error, or after GOAWAY and the last stream.
    bool is_finished() const {
        return session_ != nullptr && nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0 &&
               !connection_.is_writing();
    }

    // How the connection ends, for what it still carries.
    struct End {
        int error = 0;
        std::string invalid;
        std::optional<std::uint32_t> goaway;
    };

    // Reports the exchanges whose streams are closed. The connection may be closed, and opened anew, after it.
    void report() {
        if (over_.empty()) return;
        reporting_.swap(over_);
        const bool goes_on = nghttp2_session_want_read(session_) != 0;
        for (Exchange* exchange : reporting_)
            // Without a whole response, it is settled together with the connection where that ends.
            if (connection_.carries(*exchange) && (exchange->whole || goes_on)) settle(*exchange, nullptr);
        reporting_.clear();
    }

    // end: null while the connection goes on.
    void settle(Exchange& exchange, const End* end) {
        if (exchange.whole) return connection_.finish(exchange);
        const bool valid = end == nullptr || end->invalid.empty();
        // The target has not looked at it (RFC 9113, section 8.7), or it was not sent.
        const bool refused = exchange.close_code == NGHTTP2_REFUSED_STREAM || !exchange.written;
        const bool stale = end != nullptr && !end->goaway && exchange.reused && exchange.idempotent && !exchange.answered &&
                           !exchange.reset_by_target && exchange.done.attempts == 1;
        if (valid && (stale || (refused && exchange.done.attempts < kMaxAttempts))) return connection_.send_again(exchange);
        if (exchange.headers_too_large)
            return fail(exchange, Failure::malformed,
                        "its headers are larger than " + format_bytes(static_cast<double>(connection_.settings().options.max_header)));
        if (exchange.reset_by_target || (refused && valid))
            return fail(exchange, Failure::reset,
                        std::string(refused ? "the target refused the stream (" : "the target reset the stream (") +
                            nghttp2_http2_strerror(exchange.close_code) + ")");
        if (end == nullptr)
            return fail(exchange, Failure::malformed, "not a valid HTTP/2 response" + (invalid_.empty() ? "" : ": " + invalid_));
        if (!valid) return fail(exchange, Failure::malformed, "not valid HTTP/2: " + end->invalid);
        if (end->goaway && *end->goaway != NGHTTP2_NO_ERROR)
            return fail(exchange, Failure::reset,
                        std::string("the target ended the connection (") + nghttp2_http2_strerror(*end->goaway) + ")");
        fail(exchange, end->error == 0 ? Failure::eof : end->error == EPIPE ? Failure::write : Failure::reset, {});
    }

    void fail(Exchange& exchange, Failure failure, std::string_view reason) {
        exchange.set_failure(failure, reason);
        connection_.finish(exchange);
    }

    // The connection has ended, with this errno or 0.
    void lost(int error) {
        const bool busy = connection_.is_busy();
        if (!has_settings_ && busy) return refuse(error);
        std::vector<Exchange*> left;
        for (Exchange& exchange : connection_.slots())
            if (connection_.carries(exchange)) left.push_back(&exchange);
        const End end{error, invalid_, goaway_};
        connection_.close();
        for (Exchange* exchange : left) connection_.detach(*exchange);
        for (Exchange* exchange : left) settle(*exchange, &end);
    }

    // The connection has ended before the target's first frame.
    void refuse(int error) {
        if (error == EPROTO)
            if (auto refusal = connection_.socket().certificate_refusal())
                return connection_.refuse(std::move(refusal->message), std::move(refusal->hint));
        connection_.refuse(
            invalid_.empty() ? "the target closed the connection before an HTTP/2 frame" : "the target does not speak HTTP/2", hint());
    }

    std::string hint() const { return connection_.socket().has_tls() ? "--http1 sends HTTP/1.1" : "without --http2, HTTP/1.1 is sent"; }

    Connection& connection_;
    nghttp2_session* session_ = nullptr;
    Http2Request request_;                 // that is submitted
    std::string outgoing_;                 // frames
    Nanoseconds now_{};                    // when what is received or sent was
    Nanoseconds last_progress_{};          // when a part of a response came last
    bool has_settings_ = false;            // the target speaks HTTP/2
    std::string invalid_;                  // what was invalid in what it sent
    std::optional<std::uint32_t> goaway_;  // the error code
    Exchange* headers_of_ = nullptr;
    std::vector<Exchange*> over_, reporting_;
};

}  // namespace

std::unique_ptr<ClientProtocol> make_http2(Connection& connection) { return std::make_unique<Http2Protocol>(connection); }

}  // namespace leakline::http
