#include "http/internal/client_connection.hpp"

#include <sys/epoll.h>

#include <cerrno>

#include "base/error.hpp"

namespace leakline::http {

namespace {

constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP;
constexpr std::uint32_t kPeerHasClosed = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
// Full buffers that are read from one connection before the others get their turn.
constexpr int kReadsPerTurn = 16;
constexpr std::size_t kKept = 64 * 1024;  // the memory of a huge request is freed after it

bool is_closed(int error) { return error == EPIPE || error == ECONNRESET; }

void release(std::string& text) {
    if (text.capacity() > kKept)
        std::string().swap(text);
    else
        text.clear();
}

}  // namespace

Connection::Connection(ConnectionSettings& settings, ConnectionOwner& owner, EventLoop& loop, int index)
    : settings_(settings), owner_(owner), loop_(loop), index_(index), response_(settings.options.max_header) {}

Connection::~Connection() { close(); }

void Connection::send(const ClientPool::Send& request) {
    head_ = request.head;
    idempotent_ = request.idempotent;
    close_after_ = request.close_after;
    keeps_ = request.keep_response;
    if (keeps_ && !kept_) kept_ = std::make_unique<KeptResponse>();
    if (request.reconnect) close();
    write_broken_ = false;
    done_ = ClientPool::Done{};
    done_.connection = index_;
    done_.token = request.token;
    done_.started = steady_now();
    reused_ = socket_.is_open();
    owner_.started(*this);
    if (!reused_) {
        copy_.assign(request.bytes);
        return connect(0);
    }
    if (idempotent_) copy_.assign(request.bytes);  // only a request that may be sent twice needs a copy
    done_.first_write = done_.started;
    write(request.bytes);
}

void Connection::close() {
    if (!socket_.is_open()) return;
    if (watched_ != 0) loop_.remove(watched_, socket_.descriptor());
    watched_ = 0;
    socket_.close();
    release(outgoing_);
}

void Connection::connect(std::size_t endpoint) {
    close();
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
    close();
    // The queue of a Unix socket is full: try again until the deadline.
    if (error == EAGAIN) return owner_.pause(*this);
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
    done_.first_write = steady_now();
    ++done_.opened;
    write(copy_);
}

void Connection::refuse(std::string reason, std::string hint) {
    owner_.connect_failed(std::move(reason), std::move(hint));
    close();
    state_ = State::pausing;
    done_.end = steady_now();
    done_.failure = Failure::connect;
    owner_.pause(*this);
    owner_.done(*this, done_);
}

void Connection::pause_over() {
    if (state_ == State::connecting && !socket_.is_open()) return connect(endpoint_);
    if (state_ != State::pausing) return;
    state_ = State::idle;
    owner_.idle(*this);
}

void Connection::write(std::string_view bytes) {
    state_ = State::waiting;
    response_.begin(head_, keeps_ ? kept_.get() : nullptr);
    const Transfer sent = socket_.send(bytes);
    if (sent.error != 0 && sent.error != EAGAIN) {
        // None of it reached the server: any request may be sent again.
        if (reused_ && is_closed(sent.error)) return again(bytes);
        return write_failed(sent.error);
    }
    if (sent.count == bytes.size()) return;
    outgoing_.assign(bytes.substr(sent.count));
    taken_ = 0;
    if (sent.count > 0 && socket_.has_tls()) write_rest();  // a TLS record at a time
}

void Connection::write_rest() {
    while (taken_ < outgoing_.size()) {
        const Transfer sent = socket_.send(std::string_view(outgoing_).substr(taken_));
        if (sent.error == EAGAIN) return;
        if (sent.error != 0) {
            release(outgoing_);
            return write_failed(sent.error);
        }
        taken_ += sent.count;
    }
    release(outgoing_);
}

void Connection::write_failed(int error) {
    // The server may have answered before it closed: what is received ends with the response, EOF or a reset.
    if (is_closed(error) && !write_broken_)
        write_broken_ = true;
    else
        fail(Failure::write);
}

void Connection::on_events(std::uint32_t events) {
    const EventLoop::Id watched_before = watched_;
    if (state_ == State::connecting) {
        if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) == 0) return;
        connected(socket_.finish_connecting());
    } else if (state_ == State::handshaking) {
        do_handshake();
    } else if (!outgoing_.empty() && ((events & EPOLLOUT) != 0 || socket_.has_tls())) {
        write_rest();
    }
    // A response may arrive before the whole request is sent. TLS may have to read in order to write, and vice versa.
    const bool readable = (events & (EPOLLIN | kPeerHasClosed)) != 0 || socket_.has_tls();
    if (readable && watched_ == watched_before && watched_before != 0) read((events & kPeerHasClosed) != 0);
}

void Connection::read(bool peer_has_closed) {
    const EventLoop::Id reading = watched_;
    const std::span<char> buffer(settings_.received);
    for (int reads = 0; reads < kReadsPerTurn; ++reads) {
        if (state_ != State::waiting && state_ != State::idle) return;
        const Transfer got = socket_.receive(buffer);
        if (got.error == EAGAIN) return;
        if (got.count == 0) return ended(got.error);
        if (state_ == State::idle) return close();  // bytes without a request
        switch (response_.take({buffer.data(), got.count})) {
            case ResponseReader::Step::more:
                if (got.count < buffer.size()) socket_.acknowledge();
                break;
            case ResponseReader::Step::malformed: return fail(Failure::malformed);
            case ResponseReader::Step::whole:
                done_.status = response_.status();
                over(!close_after_ && response_.reusable() && outgoing_.empty() && !write_broken_ && !peer_has_closed);
                if (watched_ != reading) return;
                break;
        }
        // That was all: later data is a new event. The end of the connection is reported together with the data before it.
        if (got.count < buffer.size() && !peer_has_closed && !socket_.has_tls()) return;
    }
    loop_.rearm(watched_, socket_.descriptor(), kEvents);
}

void Connection::ended(int error) {
    if (state_ != State::waiting) return close();  // closed while idle
    if (error == 0 && response_.end() == ResponseReader::Step::whole) {
        done_.status = response_.status();
        return over(false);
    }
    if (reused_ && !response_.started() && idempotent_ && (error == 0 || is_closed(error))) return again(copy_);
    // In TLS 1.3 a client has sent its request by the time that the server looks at its certificate.
    if (error == EPROTO && !reused_ && !response_.started())
        if (auto refusal = socket_.certificate_refusal()) return refuse(std::move(refusal->message), std::move(refusal->hint));
    fail(write_broken_ ? Failure::write : error == 0 ? Failure::eof : Failure::reset);
}

// The server closed a kept-alive connection during the request: send it again on a new one.
void Connection::again(std::string_view bytes) {
    if (bytes.data() != copy_.data()) copy_.assign(bytes);
    ++done_.attempts;
    reused_ = write_broken_ = false;
    connect(0);
}

void Connection::fail(Failure failure) {
    if (failure == Failure::timeout && state_ == State::connecting)
        owner_.connect_failed("no answer to the connection attempt", "");
    else if (failure == Failure::timeout && state_ == State::handshaking)
        owner_.connect_failed("the TLS handshake timed out", "is it a TLS port? http:// is without TLS");
    done_.failure = failure;
    over(false);
}

void Connection::over(bool keep) {
    done_.end = steady_now();
    if (keeps_ && done_.status != 0) done_.response = kept_.get();
    release(copy_);
    state_ = State::idle;
    if (!keep) close();
    owner_.done(*this, done_);
    if (keeps_) release(kept_->body);
    if (state_ == State::idle) owner_.idle(*this);
}

}  // namespace leakline::http
