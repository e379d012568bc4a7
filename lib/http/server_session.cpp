#include "http/internal/server_session.hpp"

#include <boost/asio/post.hpp>
#include <boost/beast/http/error.hpp>

namespace leakline::http {

namespace {

using namespace std::chrono_literals;
namespace beast = boost::beast;

constexpr std::size_t kReadSize = std::size_t{8} << 10;
constexpr std::size_t kKeptCapacity = std::size_t{16} << 10;  // what a connection may keep between requests
constexpr auto kSweepEvery = 50ms;
constexpr auto kLinger = 1s;
constexpr auto kIdleDrain = 200ms;  // while stopping: time for a request in transit to get its 503

}  // namespace

void MessageStorage::clear() {
    method.clear();
    target.clear();
    body.clear();
    header_count = 0;
    expects_continue = false;
}

void MessageStorage::trim() {
    if (body.capacity() > kKeptCapacity) std::string().swap(body);
    if (headers.size() > 64 || large) std::vector<Header>().swap(headers);
    if (large) {
        std::string().swap(target);
        std::string().swap(method);
        large = false;
    }
}

void Loop::run_sweep() {
    sweep.expires_after(kSweepEvery);
    sweep_waits = true;
    sweep.async_wait([this](boost::system::error_code error) {
        sweep_waits = false;
        if (error) return;
        const TimePoint now = std::chrono::steady_clock::now();
        for (auto it = sessions.begin(); it != sessions.end();) {
            Session* session = *it++;  // expire() may unlink it
            session->expire(now);
        }
        run_sweep();
    });
}

void Loop::begin_drain() {
    for (Session* session : sessions) session->shorten_deadline();
}

void Loop::close_all() {
    while (!sessions.empty()) sessions.front()->close();
}

Session::Session(Loop& loop, ServerSocket socket, Admission admission) : loop_(loop), socket_(std::move(socket)), admission_(admission) {}

Session::~Session() = default;

void Session::start() {
    try {
        place_ = loop_.sessions.insert(loop_.sessions.end(), this);
    } catch (const std::bad_alloc&) {
        phase_ = Phase::closed;
        left();
        return;
    }
    guarded([&] { begin(); });
}

void Session::begin() {
    boost::system::error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(net::ip::tcp::no_delay(true), ignored);
    if (admission_ == Admission::refuse) {
        Response response = error_response(503, "too many connections");
        response.headers.emplace_back("Retry-After", "1");
        compose(response, After::close);
        if (write()) finish_response();
        return;
    }
    in_.resize(kReadSize);
    begin_message();
    deadline_ = std::chrono::steady_clock::now() + loop_.shared.options.idle_timeout;
    if (loop_.shared.stopping) shorten_deadline();
    read();
}

void Session::begin_message() {
    const ServerOptions& options = loop_.shared.options;
    parser_.emplace(message_, options.header_limit, options.body_limit);
    // Shrinks the buffer after an unusually large request, if the unread bytes fit.
    if (in_.size() > kReadSize && end_ - begin_ <= kReadSize) {
        std::vector<char> usual(kReadSize);
        std::copy(in_.begin() + static_cast<std::ptrdiff_t>(begin_), in_.begin() + static_cast<std::ptrdiff_t>(end_), usual.begin());
        end_ -= begin_;
        begin_ = 0;
        in_.swap(usual);
    }
}

void Session::close() {
    if (phase_ == Phase::closed) return;
    phase_ = Phase::closed;
    loop_.sessions.erase(place_);
    boost::system::error_code ignored;
    socket_.close(ignored);
    left();
}

void Session::left() {
    Shared& shared = loop_.shared;
    {
        // Under the mutex, so that the waiter in Server::stop cannot miss the last one.
        const std::lock_guard lock(shared.drained_mutex);
        --(admission_ == Admission::serve ? shared.open : shared.refusing);
    }
    shared.drained.notify_all();
}

void Session::expire(TimePoint now) {
    const auto self = weak_from_this().lock();  // close() may drop the last owner
    if (abandoned_) return close();
    if (phase_ == Phase::handling || now < deadline_) return;
    if (phase_ == Phase::reading) {
        ++loop_.shared.timeouts;
        guarded([&] { refuse(408, "the request took too long to arrive"); });
        return;
    }
    if (phase_ == Phase::writing) ++loop_.shared.timeouts;
    close();
}

void Session::shorten_deadline() {
    if (phase_ == Phase::idle) deadline_ = std::min(deadline_, std::chrono::steady_clock::now() + kIdleDrain);
}

void Session::read() {
    if (begin_ == end_) {
        begin_ = end_ = 0;
    } else if (end_ == in_.size()) {
        // Only a header, or the line of a chunk, stays unread until it is whole, and parse() bounds both: it moves to the
        // front, and the buffer grows.
        std::copy(in_.begin() + static_cast<std::ptrdiff_t>(begin_), in_.begin() + static_cast<std::ptrdiff_t>(end_), in_.begin());
        end_ -= begin_;
        begin_ = 0;
        if (end_ == in_.size()) in_.resize(in_.size() * 2);
    }
    read_pending_ = true;
    socket_.async_read_some(net::buffer(in_.data() + end_, in_.size() - end_),
                            [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
                                self->guarded([&] { self->on_read(error, size); });
                            });
}

void Session::on_read(boost::system::error_code error, std::size_t size) {
    read_pending_ = false;
    if (phase_ == Phase::closed) return;
    if (phase_ == Phase::writing) return;  // an early answer (408) is being sent: the rest is not needed
    if (phase_ == Phase::lingering && !error) {
        linger();
        return;
    }
    if (error) {
        close();  // the client closed the connection in the middle of a request
        return;
    }
    end_ += size;
    advance();
}

void Session::advance() {
    while (phase_ == Phase::idle || phase_ == Phase::reading) {
        if (!parse()) return;
        handle();
        if (phase_ != Phase::idle) return;
        // The response is out and the connection is kept: a pipelined request may be buffered already.
    }
}

bool Session::parse() {
    while (begin_ != end_) {
        if (phase_ == Phase::idle) {
            phase_ = Phase::reading;
            deadline_ = std::chrono::steady_clock::now() + loop_.shared.options.request_timeout;
        }
        beast::error_code error;
        begin_ += parser_->put(net::const_buffer(in_.data() + begin_, end_ - begin_), error);
        if (error == beast::http::error::need_more) break;
        if (error) {
            ++loop_.shared.malformed;
            if (parser_->refusal()) {
                refuse(parser_->refusal()->status, parser_->refusal()->reason);
            } else if (error == beast::http::error::body_limit) {
                refuse(413, "the body exceeds the limit of " + std::to_string(loop_.shared.options.body_limit) + " bytes");
            } else if (error == beast::http::error::header_limit) {
                refuse(431, "the headers exceed the limit of " + std::to_string(loop_.shared.options.header_limit) + " bytes");
            } else {
                refuse(400, "malformed HTTP: " + error.message());
            }
            return false;
        }
        if (parser_->is_done()) return true;
    }
    // Chunks' lines and trailers, which the parser takes whole: no limit of its own holds for them.
    if (end_ - begin_ > loop_.shared.options.header_limit && parser_->is_header_done()) {
        ++loop_.shared.malformed;
        refuse(431, "a chunk header or the trailers exceed the limit of " + std::to_string(loop_.shared.options.header_limit) + " bytes");
        return false;
    }
    if (message_.expects_continue && !continued_ && parser_->is_header_done()) send_continue();
    if (phase_ != Phase::closed) read();
    return false;
}

void Session::send_continue() {
    continued_ = true;
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    boost::system::error_code error;
    const std::size_t size = socket_.write_some(net::buffer(kContinue.data(), kContinue.size()), error);
    // 25 bytes fit into an empty send buffer; if they do not, the peer is too slow to wait for.
    if (error || size != kContinue.size()) close();
}

void Session::handle() {
    Shared& shared = loop_.shared;
    after_ = parser_->keep_alive() ? After::keep : After::close;
    if (shared.stopping) {
        refuse(503, "the service is stopping");
        return;
    }
    ++shared.requests;
    phase_ = Phase::handling;
    in_handler_ = true;
    {
        const Responder responder(make_reply(shared_from_this()));
        try {
            shared.handler(message_.view(), responder);
        } catch (const std::exception& error) {
            shared.on_error(message_.method + " " + message_.target + ": " + error.what());
            responder.send(error_response(500, "internal error"));
        }
    }  // a handler that dropped its responder has answered 500 by now
    in_handler_ = false;
    if (!immediate_) return;
    compose(*immediate_, shared.stopping ? After::close : after_);
    immediate_.reset();
    if (write()) finish_response();
}

void Session::answer(Response response) {
    if (std::this_thread::get_id() == loop_.thread_id && in_handler_) {
        immediate_ = std::move(response);
        return;
    }
    net::post(loop_.context, [self = shared_from_this(), response = std::move(response)] {
        if (self->phase_ != Phase::handling) return;  // cut off by a stop
        self->guarded([&] {
            self->compose(response, self->loop_.shared.stopping ? After::close : self->after_);
            if (!self->write()) return;
            self->finish_response();
            self->advance();
        });
    });
}

void Session::refuse(int status, std::string_view reason) {
    compose(error_response(status, reason), After::close);
    if (write()) finish_response();
}

void Session::compose(const Response& response, After after) {
    phase_ = Phase::writing;
    after_ = after;
    written_ = 0;
    out_.assign("HTTP/1.1 ");
    out_ += std::to_string(response.status);
    out_ += ' ';
    out_ += reason_phrase(response.status);
    if (!response.content_type.empty()) {
        out_ += "\r\nContent-Type: ";
        out_ += response.content_type;
    }
    out_ += "\r\nContent-Length: ";
    out_ += std::to_string(response.body.size());
    for (const auto& [name, value] : response.headers) {
        out_ += "\r\n";
        out_ += name;
        out_ += ": ";
        out_ += value;
    }
    if (after == After::close) out_ += "\r\nConnection: close";
    out_ += "\r\n\r\n";
    if (message_.method != "HEAD") out_ += response.body;
}

bool Session::write() {
    while (written_ < out_.size()) {
        boost::system::error_code error;
        const auto rest = net::buffer(out_.data() + written_, out_.size() - written_);
        const std::size_t size = socket_.write_some(rest, error);
        if (error == net::error::would_block || error == net::error::try_again) {
            deadline_ = std::chrono::steady_clock::now() + loop_.shared.options.write_timeout;
            socket_.async_write_some(rest, [self = shared_from_this()](boost::system::error_code failed, std::size_t n) {
                if (self->phase_ != Phase::writing) return;
                if (failed) return self->close();
                self->guarded([&] {
                    self->written_ += n;
                    if (!self->write()) return;
                    self->finish_response();
                    self->advance();
                });
            });
            return false;
        }
        if (error) {
            close();
            return false;
        }
        written_ += size;
    }
    return true;
}

void Session::finish_response() {
    if (out_.capacity() > kKeptCapacity) std::string().swap(out_);
    if (after_ == After::close) {
        linger();
        return;
    }
    message_.clear();
    message_.trim();
    continued_ = false;
    begin_message();
    phase_ = Phase::idle;
    deadline_ = std::chrono::steady_clock::now() + loop_.shared.options.idle_timeout;
    if (loop_.shared.stopping) shorten_deadline();
}

// Closing a socket with unread bytes sends a reset, which can destroy a response in transit. So shut down sending, read
// until the client closes or a second has passed, then close.
void Session::linger() {
    if (phase_ != Phase::lingering) {
        phase_ = Phase::lingering;
        deadline_ = std::chrono::steady_clock::now() + kLinger;
        boost::system::error_code ignored;
        socket_.shutdown(ServerSocket::shutdown_send, ignored);
    }
    if (read_pending_) return;
    if (in_.empty()) in_.resize(512);
    begin_ = end_ = 0;
    read();
}

}  // namespace leakline::http
