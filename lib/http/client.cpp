#include "http/client.hpp"

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "http/internal/client_transport.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <stdexcept>

namespace leakline::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

// Runs one asynchronous operation at a time to its end or to the deadline.
class SingleExchange {
  public:
    SingleExchange(const Url& url, const ClientOptions& options)
        : url_(url), options_(options), deadline_(Clock::now() + options.timeout), socket_(io_) {}

    void connect() {
        const std::vector<Endpoint> endpoints = resolve(url_, options_.connect);
        error_code error;
        for (const Endpoint& endpoint : endpoints) {
            if (socket_.is_open()) socket_.close();
            error = wait([&](auto done) { socket_.async_connect(endpoint, done); });
            if (!error) break;
        }
        if (error) fail("no connection: " + reason(error));
        if (url_.scheme != Url::Scheme::https) return;
        context_.emplace(make_tls_context(options_.connect));
        tls_.emplace(socket_, *context_);
        prepare_tls(tls_->native_handle(), url_, options_.connect.verify_certificate);
        error = wait([&](auto done) { tls_->async_handshake(asio::ssl::stream_base::client, done); });
        if (error) {
            const TlsFailure failure = explain_tls_failure(tls_->native_handle(), error);
            fail(failure.message, failure.hint);
        }
    }

    void write(const std::string& bytes) {
        const error_code error = wait([&](auto done) {
            auto sized = [done](const error_code& result, std::size_t) { done(result); };
            if (tls_)
                asio::async_write(*tls_, asio::buffer(bytes), sized);
            else
                asio::async_write(socket_, asio::buffer(bytes), sized);
        });
        // A server may answer (413, say) and close before it has read everything: the answer decides.
        write_error_ = error;
    }

    ClientResponse read(bool head) {
        for (int interim = 0; interim <= kMaxInterim; ++interim) {
            Parser parser;
            parser.header_limit(static_cast<std::uint32_t>(options_.max_header));
            parser.body_limit(options_.max_body);
            parser.skip(head);
            while (!parser.is_done()) {
                if (parse_pending(parser) || receive()) continue;
                error_code error;
                if (parser.got_some()) parser.put_eof(error);  // the end of the connection may be that of the body
                if (!parser.is_done()) fail_at_end(parser.got_some());
            }
            // 100 Continue or 103 Early Hints precede the real response.
            if (parser.get().result_int() / 100 != 1) return convert(parser.release());
            if (parser.get().result_int() == 101) fail("the server switched protocols");
        }
        fail("more than " + std::to_string(kMaxInterim) + " interim responses");
    }

  private:
    using Parser = beast::http::response_parser<beast::http::string_body>;
    static constexpr int kMaxInterim = 16;

    // True if the parser consumed received bytes.
    bool parse_pending(Parser& parser) {
        if (pending_.empty()) return false;
        // First the head alone, so that a length which is too large is refused before memory is reserved for it (Boost
        // 1.74 does not hold responses with a Content-Length to body_limit).
        const bool had_head = parser.is_header_done();
        parser.eager(had_head);
        error_code error;
        std::size_t used = 0;
        try {
            used = parser.put(asio::buffer(pending_), error);
        } catch (const std::length_error&) {  // Beast's fields hold values of up to 64 KiB
            fail("a header of the response is larger than 64 KiB");
        }
        pending_.erase(0, used);
        if (error && error != beast::http::error::need_more) fail(explain(error));
        const std::uint64_t announced = parser.is_header_done() ? parser.content_length().value_or(0) : 0;
        if ((!parser.is_done() && announced > options_.max_body) || parser.get().body().size() > options_.max_body)
            fail(explain(beast::http::error::body_limit));
        return used > 0 || parser.is_header_done() != had_head;
    }

    // False at the end of the connection.
    bool receive() {
        char chunk[16 * 1024];
        std::size_t received = 0;
        const error_code error = wait([&](auto done) {
            auto sized = [done, &received](const error_code& result, std::size_t size) {
                received = size;
                done(result);
            };
            if (tls_)
                tls_->async_read_some(asio::buffer(chunk), sized);
            else
                socket_.async_read_some(asio::buffer(chunk), sized);
        });
        pending_.append(chunk, received);
        if (received > 0) return true;
        if (error == asio::error::eof || error == asio::ssl::error::stream_truncated) return false;
        if (tls_ && error.category() == asio::error::get_ssl_category())
            if (const auto refusal = explain_certificate_alert(tls_->native_handle(), static_cast<unsigned long>(error.value())))
                fail(refusal->message, refusal->hint);
        if (write_error_) fail("the request could not be sent: " + reason(write_error_));
        if (error) fail("no response: " + reason(error));
        return true;
    }

    [[noreturn]] void fail_at_end(bool in_the_middle) const {
        if (in_the_middle) fail("the response is incomplete");
        if (write_error_) fail("the request could not be sent: " + reason(write_error_));
        fail("the connection was closed without a response");
    }

    template <class Start>
    error_code wait(Start start) {
        std::optional<error_code> result;
        io_.restart();
        start([&result](const error_code& error) { result = error; });
        {
            const std::stop_callback wake(options_.stop, [this] { io_.stop(); });
            io_.run_until(deadline_);
        }
        if (result) return *result;
        error_code ignored;
        socket_.close(ignored);
        io_.restart();
        io_.run();
        return options_.stop.stop_requested() ? asio::error::operation_aborted : asio::error::timed_out;
    }

    ClientResponse convert(beast::http::response<beast::http::string_body> message) {
        ClientResponse response;
        response.status = static_cast<int>(message.result_int());
        response.reason = std::string(message.reason());
        for (const auto& field : message) response.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
        response.body = std::move(message.body());
        return response;
    }

    std::string explain(const error_code& error) const {
        if (error == beast::http::error::body_limit)
            return "the response's body is larger than " + format_bytes(static_cast<double>(options_.max_body));
        if (error == beast::http::error::header_limit)
            return "the response's headers are larger than " + format_bytes(static_cast<double>(options_.max_header));
        return "malformed response: " + error.message();
    }

    std::string reason(const error_code& error) const {
        if (error == asio::error::operation_aborted) return "interrupted";
        if (error == asio::error::timed_out) return "no data within " + format_duration(options_.timeout);
        return error.category() == boost::system::system_category() ? os_reason(error.value()) : error.message();
    }

    [[noreturn]] void fail(std::string message, std::string hint = {}) const {
        throw Error(ErrorKind::system, url_.origin(), std::move(message), std::move(hint));
    }

    const Url& url_;
    const ClientOptions& options_;
    Clock::time_point deadline_;
    asio::io_context io_{1};
    Socket socket_;
    std::optional<asio::ssl::context> context_;
    std::optional<asio::ssl::stream<Socket&>> tls_;
    error_code write_error_;
    std::string pending_;
};

bool has(const HeaderList& headers, std::string_view name) {
    for (const auto& [key, value] : headers)
        if (equal_ignoring_case(key, name)) return true;
    return false;
}

std::string serialize(const ClientRequest& request, const Url& url) {
    std::string out = request.method + " " + url.target + " HTTP/1.1\r\n";
    const auto add = [&](std::string_view name, std::string_view value) {
        if (name.empty() || name.find_first_of("\r\n: ") != name.npos || value.find_first_of("\r\n") != value.npos)
            throw Error(ErrorKind::usage, "header '" + printable(name) + "'", "it cannot be sent: it contains a line break");
        out.append(name).append(": ").append(value).append("\r\n");
    };
    if (!has(request.headers, "Host")) add("Host", url.authority());
    if (!has(request.headers, "User-Agent")) add("User-Agent", "leakline");
    if (!has(request.headers, "Connection")) add("Connection", "close");
    if (!has(request.headers, "Content-Length") && (!request.body.empty() || request.method == "POST"))
        add("Content-Length", std::to_string(request.body.size()));
    for (const auto& [name, value] : request.headers) add(name, value);
    return out + "\r\n" + request.body;
}

}  // namespace

std::optional<std::string_view> ClientResponse::header(std::string_view name) const {
    for (const auto& [key, value] : headers)
        if (equal_ignoring_case(key, name)) return value;
    return std::nullopt;
}

ClientResponse send_request(const ClientRequest& request, const ClientOptions& options) {
    const Url url = parse_url(request.url);
    const std::string bytes = serialize(request, url);
    SingleExchange exchange(url, options);
    exchange.connect();
    exchange.write(bytes);
    return exchange.read(request.method == "HEAD");
}

ClientResponse get(const std::string& url, const ClientOptions& options) {
    ClientRequest request;
    request.url = url;
    return send_request(request, options);
}

}  // namespace leakline::http
