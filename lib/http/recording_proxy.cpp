#include "http/recording_proxy.hpp"

#include "http/internal/body_limit.hpp"
#include "http/internal/connection_fields.hpp"
#include "http/internal/http2_relay.hpp"
#include "http/internal/message_relay.hpp"
#include "http/internal/proxy_shared.hpp"
#include "http/internal/tls_terminator.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

#include <sys/socket.h>

#include "base/error.hpp"

namespace leakline::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

// Bound of received bytes that are not yet parsed: a head, the line of a chunk, trailers. More is refused.
constexpr std::size_t kReadAhead = 16 * 1024;

Nanoseconds wall_now() { return std::chrono::system_clock::now().time_since_epoch(); }

}  // namespace

struct RecordingProxy::State : ProxyShared {
    class Session;

    State(ProxyOptions given, std::function<void(ProxiedRequest&&)> observer) : ProxyShared(std::move(given), std::move(observer)) {
        if (!options.certificate_file.empty() || !options.key_file.empty())
            tls.emplace(
                make_server_context({options.certificate_file, options.key_file, "--listen-cert", "--listen-key"}, options.offer_http2));
        error_code error;
        const auto address = asio::ip::make_address(options.address, error);
        const std::string where = options.address + ":" + std::to_string(options.port);
        if (error) throw Error(ErrorKind::input, where, "not an IP address to listen on");
        const tcp::endpoint endpoint(address, options.port);
        acceptor.open(endpoint.protocol(), error);
        if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
        if (!error) acceptor.bind(endpoint, error);
        if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
        if (error) throw os_error(ErrorKind::input, where, "cannot listen", error.value());
    }

    // Of the client, encrypted or not, for a session.
    tcp::socket plain(tcp::socket&& socket, std::unique_ptr<TlsTerminator>& terminator) {
        if (!tls) return std::move(socket);
        terminator = std::make_unique<TlsTerminator>(tls->native_handle(), Descriptor(socket.release()), handshakes_failed);
        // Asio does not look at what it is; a session only reads and writes.
        return tcp::socket(io, tcp::v4(), terminator->take_plain().release());
    }

    void accept_connections();
    void admit(tcp::socket socket);
    void close_idle_sessions();

    asio::io_context io;
    tcp::acceptor acceptor{io};
    std::optional<asio::ssl::context> tls;  // with clients
    std::thread accepting, watching;
    std::mutex mutex;  // guards sessions
    std::condition_variable ended;
    std::list<std::unique_ptr<Session>> sessions;
};

// One client connection.
class RecordingProxy::State::Session {
  public:
    Session(State& state, tcp::socket socket, std::uint64_t number)
        : state_(state),
          client_(state.plain(std::move(socket), tls_)),
          target_(state.io, state.target, state.options.max_header + kReadAhead),
          client_buffer_(state.options.max_header + kReadAhead),
          kept_(state),
          number_(number) {}

    void start() {
        thread_ = std::thread([this] { run(); });
    }
    void join() { thread_.join(); }
    // Instead of start(), if no thread can be created.
    void turn_away() {
        ++state_.exhausted;
        answer_fixed();
        error_code ignored;
        client_.close(ignored);
    }
    bool over() const { return over_; }
    bool in_request() const { return seen_.in_request; }
    std::int64_t active() const { return seen_.active; }
    // From another thread: makes the blocking calls return.
    void cut() {
        seen_.cut = true;
        {
            const std::lock_guard lock(cutting_);
            ::shutdown(client_.native_handle(), SHUT_RDWR);
        }
        target_.cut();
    }

  private:
    void run() {
        try {
            if (begins_http2(client_.native_handle())) {
                relay_http2(state_, seen_, client_.native_handle(), number_);
            } else {
                while (serve_one()) {
                }
            }
        } catch (const boost::system::system_error& failure) {
            // Either side closed the connection, so there is nothing to report; or a malformed body that was forwarded in part.
            const bool no_http = failure.code().category() == bhttp::make_error_code(bhttp::error::bad_chunk).category() ||
                                 failure.code() == bhttp::error::buffer_overflow;
            if (no_http && !responding_) answer(bhttp::status::bad_request, "malformed request: " + failure.code().message());
        } catch (const WriteFailed&) {  // the client has closed, within a response
        } catch (const TargetFailed&) {
        } catch (const std::exception&) {  // out of memory: ends this session only
            ++state_.exhausted;
            answer_fixed();
        }
        kept_.give_back();
        if (unread_) drain_request();
        {
            const std::lock_guard lock(cutting_);
            error_code ignored;
            client_.shutdown(tcp::socket::shutdown_both, ignored);
        }
        target_.disconnect();
        over_ = true;
        state_.ended.notify_all();
    }

    // False when the connection is to be closed.
    bool serve_one() {
        StreamingParser<true> request;
        request.header_limit(state_.options.max_header);
        request.body_limit(kNoLimit);
        error_code error;
        seen_.in_request = responding_ = false;
        bhttp::read_header(client_, client_buffer_, request, error);
        if (error) {
            if (error != bhttp::error::end_of_stream && error != asio::error::eof && error.category() != boost::system::system_category())
                answer(bhttp::status::bad_request, "malformed request: " + error.message());
            return false;
        }
        seen_.in_request = true;
        began_ = steady_ns();
        seen_.touch();
        ++state_.requests;
        if (const auto refusal = refusal_of(request.get().base())) {
            answer(static_cast<bhttp::status>(refusal->status), "refused: " + std::string(refusal->reason));
            return false;
        }
        if (const char* const refusal = why_not_passed_on(request.get())) {
            ++state_.not_http;
            answer(bhttp::status::not_implemented, refusal);
            return false;
        }
        ProxiedRequest exchange = describe(request.get());
        if (beast::iequals(request.get()[bhttp::field::expect], "100-continue")) {
            request.get().erase(bhttp::field::expect);
            asio::write(client_, asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")));
        }
        bool keep = request.get().keep_alive();
        const auto report = [&] {
            exchange.body_cut = !request.is_done();
            if (exchange.status == 0) exchange.response.reset();  // not whole
            state_.report(std::move(exchange));
            kept_.give_back();
        };
        try {
            if (!forward(request, exchange, keep)) keep = false;
        } catch (const TargetFailed& failure) {
            ++state_.failed;
            answer(bhttp::status::bad_gateway, failure.reason);
            take_body(request, exchange);
            keep = false;
        } catch (...) {
            if (request.is_done()) ++state_.failed;
            report();
            throw;
        }
        report();
        return keep && !state_.stopping;
    }

    // Why a request is not an exchange of one request and one response and so cannot be recorded; null if it is. (An
    // "Upgrade: h2c" may be ignored: it is an offer of the client.)
    static const char* why_not_passed_on(const bhttp::request_header<>& head) {
        if (head.method() == bhttp::verb::connect) return "this is a reverse proxy: send requests to it as to the service, not through it";
        const auto upgrade = head[bhttp::field::upgrade];
        for (const auto& protocol : bhttp::token_list(upgrade))
            if (beast::iequals(protocol, "websocket")) return "WebSocket connections are not forwarded or recorded";
        return nullptr;
    }

    ProxiedRequest describe(const bhttp::request_header<>& head) const {
        ProxiedRequest exchange;
        exchange.at = wall_now();
        exchange.method = std::string(head.method_string());
        exchange.target = std::string(head.target());
        for (const auto& field : head) exchange.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
        // An HTTP/1.0 client without "keep-alive" closes its connection.
        if (head.version() < 11 && head.find(bhttp::field::connection) == head.end()) exchange.headers.emplace_back("Connection", "close");
        exchange.connection = number_;
        return exchange;
    }

    bool forward(StreamingParser<true>& request, ProxiedRequest& exchange, bool keep) {
        const bool head = request.get().method() == bhttp::verb::head;
        const bool takes_chunks = request.get().version() >= 11;
        request.get().set(bhttp::field::host, state_.options.target.authority());
        // Fields of the client's connection: other protocols are not forwarded.
        erase_connection_fields(request.get().base());
        request.get().version(11);
        target_.connect();
        bool target_keeps = false, ends_with_connection = false;
        target_.with_stream([&](auto& to) {
            // A target may answer and close before it has received the whole request, for example if the body is too large.
            std::optional<TargetFailed> unfinished;
            try {
                relay<true>(to, client_, client_buffer_, request, [&](std::string_view piece) {
                    seen_.touch();
                    kept_.keep_of_request(exchange, piece);
                    if (!piece.empty() && !target_.takes_more()) throw WriteFailed{asio::error::would_block};
                });
            } catch (const WriteFailed& failure) {
                unfinished = TargetFailed{"the target did not take the request: " + failure.error.message()};
                unread_ = true;
            }
            StreamingParser<false> response;
            for (;;) {
                response.header_limit(state_.options.max_header);
                response.body_limit(kNoLimit);
                response.skip(head);
                error_code error;
                bhttp::read_header(to, target_.buffer(), response, error);
                if (error) throw unfinished ? *unfinished : TargetFailed{"no response from the target: " + error.message()};
                if (response.get().result_int() == 101)
                    throw TargetFailed{"the target switched to another protocol, which is not forwarded"};
                if (response.get().result_int() / 100 != 1) break;
                std::destroy_at(&response);  // an interim response is not passed on
                std::construct_at(&response);
            }
            if (const auto refusal = refusal_of(response.get().base()))
                throw TargetFailed{"the target's response is malformed: " + std::string(refusal->reason)};
            target_keeps = !unfinished && response.get().keep_alive() && !response.need_eof();
            ends_with_connection = response.need_eof() || unfinished || (response.chunked() && !takes_chunks);
            const int status = static_cast<int>(response.get().result_int());
            if (state_.options.keep_responses) begin_response(exchange, response.get());
            erase_connection_fields(response.get().base());
            if (response.chunked() && !takes_chunks) response.get().chunked(false);
            response.get().keep_alive(keep && !ends_with_connection);
            responding_ = true;
            relay<false>(client_, to, target_.buffer(), response, [&](std::string_view piece) {
                seen_.touch();
                kept_.keep_of_response(exchange, piece);
            });
            exchange.status = status;
            if (exchange.response) exchange.response->latency = Nanoseconds(steady_ns() - began_);
        });
        if (!target_keeps) target_.disconnect();
        return !ends_with_connection;
    }

    static void begin_response(ProxiedRequest& exchange, const bhttp::response_header<>& head) {
        RecordedResponse& response = exchange.response.emplace();
        response.status = static_cast<int>(head.result_int());
        for (const auto& field : head) response.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }

    // The rest of a request that the target does not receive is recorded all the same.
    void take_body(StreamingParser<true>& request, ProxiedRequest& exchange) {
        char chunk[16 * 1024];
        while (!request.is_done()) {
            request.get().body().data = chunk;
            request.get().body().size = sizeof chunk;
            error_code error;
            bhttp::read_some(client_, client_buffer_, request, error);
            if (error && error != bhttp::error::need_buffer) return;
            seen_.touch();
            kept_.keep_of_request(exchange, std::string_view(chunk, sizeof chunk - request.get().body().size));
        }
    }

    // Closing while the client still sends would reset the connection and lose the response: discard its data for a second.
    void drain_request() {
        error_code error;
        client_.shutdown(tcp::socket::shutdown_send, error);
        const timeval soon{0, 200'000};
        ::setsockopt(client_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
        char rest[16 * 1024];
        const std::int64_t until = steady_ns() + 1'000'000'000;
        while (steady_ns() < until && ::recv(client_.native_handle(), rest, sizeof rest, 0) > 0) {
        }
    }

    // Without any memory.
    void answer_fixed() {
        static constexpr std::string_view kUnavailable =
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        ::send(client_.native_handle(), kUnavailable.data(), kUnavailable.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        unread_ = true;
    }

    void answer(bhttp::status status, const std::string& text) noexcept try {
        unread_ = true;
        bhttp::response<bhttp::string_body> response(status, 11);
        response.keep_alive(false);
        response.set(bhttp::field::content_type, "text/plain");
        response.body() = "leakline capture: " + text + "\n";
        response.prepare_payload();
        error_code ignored;
        bhttp::write(client_, response, ignored);
    } catch (const std::exception&) {
        answer_fixed();
    }

    State& state_;
    std::unique_ptr<TlsTerminator> tls_;  // in front of client_, where clients connect with TLS
    tcp::socket client_;
    ProxyTarget target_;
    beast::flat_buffer client_buffer_;
    KeptBodies kept_;
    std::int64_t began_ = 0;  // steady time at which the request's head had come
    const std::uint64_t number_;
    SessionState seen_;
    std::atomic<bool> over_{false};
    bool responding_ = false;  // a part of a response was sent to the client
    bool unread_ = false;      // the client may not have been read to its request's end
    std::mutex cutting_;       // guards the closing of client_ against cut()
    std::thread thread_;
};

void RecordingProxy::State::accept_connections() {
    while (!stopping) {
        try {
            error_code error;
            tcp::socket socket(io);
            acceptor.accept(socket, error);
            if (stopping) return;
            if (error) {
                std::this_thread::sleep_for(std::chrono::milliseconds(10));  // for example out of descriptors
                continue;
            }
            error_code ignored;
            socket.set_option(tcp::no_delay(true), ignored);
            admit(std::move(socket));
        } catch (const std::exception&) {  // out of memory: the connection closes
            ++exhausted;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    }
}

void RecordingProxy::State::admit(tcp::socket socket) {
    error_code ignored;
    const std::lock_guard lock(mutex);
    const auto open = std::count_if(sessions.begin(), sessions.end(), [](const auto& session) { return !session->over(); });
    if (static_cast<std::size_t>(open) >= options.max_connections) {
        ++refused;
        asio::write(socket,
                    asio::buffer(std::string_view("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                                                  "Connection: close\r\n\r\n")),
                    ignored);
        return;
    }
    sessions.push_back(std::make_unique<Session>(*this, std::move(socket), ++connections));
    try {
        sessions.back()->start();
    } catch (const std::exception&) {  // no more threads
        sessions.back()->turn_away();
        sessions.pop_back();
    }
}

// Joins the sessions that have ended and closes those that are idle for too long.
void RecordingProxy::State::close_idle_sessions() {
    std::unique_lock lock(mutex);
    while (!stopping) {
        ended.wait_for(lock, std::chrono::milliseconds(200));
        for (auto session = sessions.begin(); session != sessions.end();) {
            if ((*session)->over()) {
                (*session)->join();
                session = sessions.erase(session);
                continue;
            }
            if (steady_ns() - (*session)->active() > options.idle.count()) (*session)->cut();
            ++session;
        }
    }
}

RecordingProxy::RecordingProxy(ProxyOptions options, std::function<void(ProxiedRequest&&)> observe)
    : state_(std::make_unique<State>(std::move(options), std::move(observe))) {}

RecordingProxy::~RecordingProxy() { stop(); }

std::uint16_t RecordingProxy::port() const { return state_->acceptor.local_endpoint().port(); }

void RecordingProxy::start() {
    state_->accepting = std::thread([state = state_.get()] { state->accept_connections(); });
    state_->watching = std::thread([state = state_.get()] { state->close_idle_sessions(); });
}

void RecordingProxy::stop(Nanoseconds grace) {
    if (state_->stopping.exchange(true)) return;
    ::shutdown(state_->acceptor.native_handle(), SHUT_RDWR);
    if (state_->accepting.joinable()) state_->accepting.join();
    state_->ended.notify_all();
    if (state_->watching.joinable()) state_->watching.join();
    const std::int64_t until = steady_ns() + grace.count();
    for (const auto& session : state_->sessions) {
        while (session->in_request() && !session->over() && steady_ns() < until) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        for (; !session->over(); std::this_thread::sleep_for(std::chrono::milliseconds(5))) session->cut();
        session->join();
    }
    state_->sessions.clear();
}

ProxyCounts RecordingProxy::counts() const {
    return {state_->connections, state_->refused,           state_->requests, state_->failed,
            state_->not_http,    state_->handshakes_failed, state_->exhausted};
}

}  // namespace leakline::http
