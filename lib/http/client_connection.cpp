#include "http/internal/client_connection.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"

namespace leakline::http {

namespace {

constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP;
constexpr std::uint32_t kPeerHasClosed = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
constexpr std::size_t kKept = 64 * 1024;  // the memory of a huge request is freed after it

void release(std::string& text) {
    if (text.capacity() > kKept)
        std::string().swap(text);
    else
        text.clear();
}

}  // namespace

Connection::Connection(ConnectionSettings& settings, ConnectionOwner& owner, EventLoop& loop, std::span<Exchange> slots)
    : settings_(settings), owner_(owner), loop_(loop), slots_(slots) {}

Connection::~Connection() {
    disconnect();
    owner_.forget(*this);
}

void Connection::send(Exchange& exchange, std::string_view bytes) {
    exchange.carrier = this;
    exchange.reused = state_ == State::open;
    ++in_progress_;
    const int limit = settings_.options.requests_per_connection;
    if (++carried_ == limit || exchange.close_after) exchange.close_after = ending_ = true;
    if (state_ == State::open) return protocol_->send(exchange, bytes);
    if (bytes.data() != exchange.copy.data()) exchange.copy.assign(bytes);
    if (state_ == State::closed) connect();
}

void Connection::close() {
    disconnect();
    state_ = State::closed;
    carried_ = 0;
    ending_ = false;
}

void Connection::disconnect() {
    if (!socket_.is_open()) return;
    if (watched_ != 0) loop_.remove(watched_, socket_.descriptor());
    watched_ = 0;
    socket_.close();
    release(outgoing_);
    if (state_ == State::open) protocol_->closed();
}

void Connection::connect(std::size_t endpoint) {
    disconnect();
    state_ = State::connecting;
    endpoint_ = endpoint;
    const int error = socket_.connect(settings_.endpoints[endpoint]);
    if (error == 0 || error == EINPROGRESS) watched_ = loop_.add(socket_.descriptor(), kEvents, *this);
    if (error != EINPROGRESS) connected(error);
}

void Connection::connected(int error) {
    if (error == 0) {
        if (!settings_.tls) return ready();
        state_ = State::handshaking;
        socket_.begin_tls(*settings_.tls, settings_.target, settings_.options.connect.verify_certificate);
        return do_handshake();
    }
    disconnect();
    // The queue of a Unix socket is full: try again until the deadline.
    if (error == EAGAIN) return owner_.retry_later(*this);
    if (endpoint_ + 1 < settings_.endpoints.size()) return connect(endpoint_ + 1);
    refuse(os_reason(error), {});
}

void Connection::do_handshake() {
    switch (socket_.do_handshake()) {
        case ClientSocket::Handshake::waiting: return;
        case ClientSocket::Handshake::done: return ready();
        case ClientSocket::Handshake::failed: break;
    }
    TlsFailure failure = socket_.handshake_failure();
    refuse(std::move(failure.message), std::move(failure.hint));
}

void Connection::ready() {
    const HttpVersion wanted = settings_.options.connect.version;
    const bool http2 = socket_.has_tls() ? socket_.chosen_protocol() == kAlpnHttp2 : wanted == HttpVersion::http2;
    if (!http2 && wanted == HttpVersion::http2) {
        TlsFailure failure = no_http2_over_tls();
        return refuse(std::move(failure.message), std::move(failure.hint));
    }
    if (!protocol_ || http2 != is_http2_) protocol_ = http2 ? make_http2(*this) : make_http1(*this);
    is_http2_ = http2;
    state_ = State::open;
    protocol_->opened();
    std::vector<Exchange*> waiting;
    for (Exchange& exchange : slots_)
        if (carries(exchange)) waiting.push_back(&exchange);
    // The oldest first: otherwise a request that was refused on another connection would be the last on every one.
    std::sort(waiting.begin(), waiting.end(), [](const Exchange* a, const Exchange* b) { return a->started() < b->started(); });
    if (!waiting.empty()) ++waiting.front()->done.opened;
    const EventLoop::Id opened = watched_;
    for (Exchange* exchange : waiting)
        if (carries(*exchange) && watched_ == opened) protocol_->send(*exchange, exchange->copy);
}

void Connection::refuse(std::string reason, std::string hint) {
    owner_.connect_failed(std::move(reason), std::move(hint));
    close();
    owner_.pause(slots_.front().lane);
    for (Exchange& exchange : slots_) {
        if (!carries(exchange)) continue;
        exchange.set_failure(Failure::connect);
        finish(exchange);
    }
}

void Connection::retry() {
    if (state_ == State::connecting && !socket_.is_open()) connect(endpoint_);
}

void Connection::flush() {
    if (state_ == State::open) protocol_->flush();
}

Connection::Written Connection::write(std::string_view bytes) {
    const Transfer sent = socket_.send(bytes);
    if (sent.error != 0 && sent.error != EAGAIN) return {sent.error, true};
    if (sent.count == bytes.size()) return {};
    outgoing_.assign(bytes.substr(sent.count));
    taken_ = 0;
    return {sent.count > 0 && socket_.has_tls() ? write_rest() : 0, false};  // a TLS record at a time
}

int Connection::write_rest() {
    while (taken_ < outgoing_.size()) {
        const Transfer sent = socket_.send(std::string_view(outgoing_).substr(taken_));
        if (sent.error == EAGAIN) return 0;
        if (sent.error != 0) {
            release(outgoing_);
            return sent.error;
        }
        taken_ += sent.count;
    }
    release(outgoing_);
    return 0;
}

void Connection::on_events(std::uint32_t events) {
    const EventLoop::Id watched_before = watched_;
    if (state_ == State::connecting) {
        if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) == 0) return;
        connected(socket_.finish_connecting());
    } else if (state_ == State::handshaking) {
        do_handshake();
    } else if (is_writing() && ((events & EPOLLOUT) != 0 || socket_.has_tls())) {
        const int error = write_rest();
        if (error != 0 || !is_writing()) protocol_->on_writable(error);
    }
    // A response may arrive before the whole request is sent. TLS may have to read in order to write, and vice versa.
    const bool readable = (events & (EPOLLIN | kPeerHasClosed)) != 0 || socket_.has_tls();
    if (readable && state_ == State::open && watched_ == watched_before && watched_before != 0)
        protocol_->on_readable((events & kPeerHasClosed) != 0);
}

void Connection::rearm() { loop_.rearm(watched_, socket_.descriptor(), kEvents); }

void Connection::fail(Exchange& exchange, Failure failure) {
    exchange.set_failure(failure);
    if (state_ == State::open) {
        protocol_->give_up(exchange, failure == Failure::timeout);
        if (carries(exchange)) finish(exchange);
        return;
    }
    if (failure == Failure::timeout && state_ == State::connecting)
        owner_.connect_failed("no answer to the connection attempt", "");
    else if (failure == Failure::timeout && state_ == State::handshaking)
        owner_.connect_failed("the TLS handshake timed out", "is it a TLS port? http:// is without TLS");
    if (in_progress_ == 1) close();
    finish(exchange);
}

void Connection::detach(Exchange& exchange) {
    exchange.carrier = nullptr;
    exchange.stream = 0;
    if (--in_progress_ == 0 && ending_) close();
}

void Connection::finish(Exchange& exchange) {
    if (carries(exchange)) detach(exchange);
    exchange.done.end = steady_now();
    if (exchange.keeps && exchange.done.status != 0) exchange.done.response = exchange.kept.get();
    release(exchange.copy);
    owner_.done(exchange);
    if (exchange.keeps) release(exchange.kept->body);
    owner_.idle(exchange);
}

void Connection::send_again(Exchange& exchange) {
    if (carries(exchange)) detach(exchange);
    ++exchange.done.attempts;
    owner_.send_again(exchange);
}

}  // namespace leakline::http
