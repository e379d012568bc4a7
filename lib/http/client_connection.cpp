#include "http/client_connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <limits>

#include "base/error.hpp"

namespace leakline::http {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// A refused connection answers at once: without a pause a dead server would be asked 100,000 times a second.
constexpr Nanoseconds kRefusedPause = std::chrono::milliseconds(10);
constexpr int kMaxInterim = 16;
// Boost 1.74's parser takes no limit at all (boost::none) for a limit of 0.
constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

bool is_closed(const error_code& error) {
    return error == asio::error::broken_pipe || error == asio::error::connection_reset;
}

bool is_end(const error_code& error) {
    return error == asio::error::eof || error == asio::ssl::error::stream_truncated;
}

}  // namespace

Connection::Connection(ConnectionSettings& settings, ConnectionOwner& owner, asio::io_context& io, int index)
    : settings_(settings), owner_(owner), io_(io), index_(index), pause_(io) {}

void Connection::send(const ClientPool::Send& request) {
    head_ = request.head;
    idempotent_ = request.idempotent;
    interim_ = 0;
    got_some_ = write_broken_ = false;
    done_ = ClientPool::Done{};
    done_.connection = index_;
    done_.token = request.token;
    started_ = steady_now();
    reused_ = is_open();
    state_ = State::waiting;
    owner_.started(*this);
    if (!reused_) {
        copy_.assign(request.bytes);
        return connect(0);
    }
    if (idempotent_) copy_.assign(request.bytes);  // only what may be sent a second time is worth a copy
    write(request.bytes);
}

void Connection::close() {
    if (!channel_) return;
    error_code ignored;
    channel_->socket.close(ignored);
    channel_.reset();
}

void Connection::connect(std::size_t endpoint) {
    close();
    state_ = State::connecting;
    channel_.reset(new Channel(io_));
    channel_->socket.async_connect(
        settings_.endpoints[endpoint], [this, channel = channel_, endpoint](const error_code& error) {
            if (channel != channel_) return;
            if (!error) return handshake();
            if (endpoint + 1 < settings_.endpoints.size()) return connect(endpoint + 1);
            refuse(os_reason(error.value()), {});
        });
}

void Connection::handshake() {
    error_code ignored;
    channel_->socket.non_blocking(true, ignored);
    if (settings_.target.scheme != Url::Scheme::unix_socket) {
        const int on = 1;
        setsockopt(channel_->socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    if (!settings_.tls) return ready();
    channel_->tls.emplace(channel_->socket, *settings_.tls);
    prepare_tls(channel_->tls->native_handle(), settings_.target, settings_.options.verify_certificate);
    channel_->tls->async_handshake(asio::ssl::stream_base::client, [this, channel = channel_](const error_code& error) {
        if (channel != channel_) return;
        if (!error) return ready();
        const TlsFailure failure = explain_tls_failure(channel->tls->native_handle(), error);
        refuse(failure.message, failure.hint);
    });
}

void Connection::ready() {
    channel_->open = true;
    state_ = State::waiting;
    read();
    write(copy_);
}

void Connection::refuse(std::string reason, std::string hint) {
    owner_.connect_failed(std::move(reason), std::move(hint));
    close();
    state_ = State::pausing;
    pause_.expires_after(kRefusedPause);
    pause_.async_wait([this](const error_code& error) {
        if (error) return;
        state_ = State::idle;
        owner_.idle(*this);
    });
    done_.end = steady_now();
    done_.failure = Failure::connect;
    owner_.done(*this, done_);
}

void Connection::write(std::string_view bytes) {
    done_.first_write = steady_now();
    if (channel_->tls) return write_rest(bytes);
    error_code error;
    const std::size_t sent = channel_->socket.write_some(asio::buffer(bytes.data(), bytes.size()), error);
    if (error && error != asio::error::would_block) {
        // Nothing of it reached the server: a request of any kind may be sent again.
        if (reused_ && is_closed(error)) return again(bytes);
        return write_failed(error);
    }
    if (sent < bytes.size()) write_rest(bytes.substr(sent));
}

void Connection::write_rest(std::string_view bytes) {
    channel_->outgoing.assign(bytes);
    channel_->writing = true;
    auto finished = [this, channel = channel_](const error_code& error, std::size_t) {
        channel->writing = false;
        if (channel->outgoing.capacity() > sizeof channel->received) std::string().swap(channel->outgoing);
        if (channel == channel_ && error && state_ == State::waiting) write_failed(error);
    };
    if (channel_->tls) asio::async_write(*channel_->tls, asio::buffer(channel_->outgoing), std::move(finished));
    else asio::async_write(channel_->socket, asio::buffer(channel_->outgoing), std::move(finished));
}

void Connection::write_failed(const error_code& error) {
    // The server may have answered before it closed: the pending read ends with the response, EOF or a reset.
    if (is_closed(error) && !write_broken_) write_broken_ = true;
    else fail(Failure::write);
}

void Connection::read() {
    auto received = [this, channel = channel_](const error_code& error, std::size_t count) {
        if (channel == channel_) on_read(error, count);
    };
    if (channel_->tls) channel_->tls->async_read_some(asio::buffer(channel_->received), std::move(received));
    else channel_->socket.async_read_some(asio::buffer(channel_->received), std::move(received));
}

void Connection::on_read(const error_code& error, std::size_t count) {
    if (state_ != State::waiting) return close();  // closed while idle, or bytes that nobody asked for
    if (count > 0) {
        std::string_view bytes(channel_->received.data(), count);
        std::string joined;
        if (!carry_.empty()) {  // a head that comes in pieces
            joined.swap(carry_);
            bytes = joined.append(bytes);
        }
        if (!parse(bytes)) return;
    }
    if (error) ended(error);
    else read();
}

// False when the request is over.
bool Connection::parse(std::string_view bytes) {
    while (!bytes.empty()) {
        got_some_ = true;
        if (!parser_) {
            parser_.emplace();
            parser_->header_limit(static_cast<std::uint32_t>(settings_.options.max_header));
            parser_->body_limit(kNoLimit);
            parser_->eager(true);
            parser_->skip(head_);
        }
        error_code error;
        const std::size_t used = parser_->put(asio::buffer(bytes.data(), bytes.size()), error);
        bytes.remove_prefix(used);
        if (error && error != boost::beast::http::error::need_more) return fail(Failure::malformed), false;
        if (parser_->is_done()) {
            const int status = parser_->status();
            if (status / 100 != 1) {
                done_.status = status;
                // Bytes behind the response belong to no request.
                over(parser_->keep_alive() && bytes.empty() && !channel_->writing && !write_broken_);
                return false;
            }
            // 100 Continue or 103 Early Hints precede the real response.
            if (status == 101 || ++interim_ > kMaxInterim) return fail(Failure::malformed), false;
            parser_.reset();
        } else if (error || used == 0) {
            carry_.assign(bytes);
            return true;
        }
    }
    return true;
}

void Connection::ended(const error_code& error) {
    if (parser_ && is_end(error) && carry_.empty()) {
        error_code incomplete;
        parser_->put_eof(incomplete);
        if (!incomplete && parser_->is_done() && parser_->status() / 100 != 1) {
            done_.status = parser_->status();
            return over(false);
        }
    }
    if (reused_ && !got_some_ && idempotent_ && (is_end(error) || is_closed(error))) return again(copy_);
    fail(write_broken_ ? Failure::write : is_end(error) ? Failure::eof : Failure::reset);
}

// A kept-alive connection was closed under the request: once more, over a new one.
void Connection::again(std::string_view bytes) {
    if (bytes.data() != copy_.data()) copy_.assign(bytes);
    ++done_.attempts;
    reused_ = write_broken_ = false;
    connect(0);
}

void Connection::fail(Failure failure) {
    if (state_ == State::connecting && failure == Failure::timeout)
        owner_.connect_failed(channel_->tls ? "the TLS handshake did not end in time" : "no answer to the attempt to connect",
                              channel_->tls ? "is it a TLS port? http:// is without" : "");
    done_.failure = failure;
    over(false);
}

void Connection::over(bool keep) {
    done_.end = steady_now();
    parser_.reset();
    carry_.clear();
    constexpr std::size_t kKept = 64 * 1024;  // a huge request's memory is given back after it
    if (copy_.capacity() > kKept) std::string().swap(copy_);
    state_ = State::idle;
    if (keep) read();
    else close();
    owner_.done(*this, done_);
    if (state_ == State::idle) owner_.idle(*this);
}

}  // namespace leakline::http
