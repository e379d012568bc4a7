#include "http/internal/proxy_target.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string_view>

#include "base/error.hpp"

namespace leakline::http {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

}  // namespace

ProxyTargetSettings::ProxyTargetSettings(const Url& target, const ConnectOptions& target_connect)
    : url(target), connect(target_connect), endpoints(resolve(target, target_connect)) {
    if (url.scheme != Url::Scheme::https) return;
    tls.emplace(make_tls_context(connect));
    tls_http2.emplace(make_tls_context(connect));
    offer_protocols(*tls_http2, HttpVersion::http2);
}

void ProxyTarget::connect() {
    if (socket_.is_open() && is_stale()) disconnect();
    if (!socket_.is_open()) connect_anew();
}

// The target closed the idle connection.
bool ProxyTarget::is_stale() {
    char byte = 0;
    const ssize_t count = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

bool ProxyTarget::takes_more() {
    if (tls_) return true;
    pollfd events{socket_.native_handle(), POLLIN | POLLOUT, 0};
    if (::poll(&events, 1, -1) != 1 || events.revents != POLLIN) return true;
    char start[sizeof "HTTP/1.1 1"] = {};
    const ssize_t count = ::recv(socket_.native_handle(), start, sizeof start - 1, MSG_PEEK | MSG_DONTWAIT);
    const bool interim = std::string_view(start).ends_with(" 1");
    return count < static_cast<ssize_t>(sizeof start - 1) || interim;
}

void ProxyTarget::connect_anew() {
    error_code error = asio::error::host_not_found;
    for (const Endpoint& endpoint : settings_.endpoints) {
        open(endpoint, error);
        if (!error) socket_.connect(endpoint, error);
        if (!error) break;
    }
    if (error) {
        disconnect();
        throw TargetFailed{"the target cannot be reached: " + os_reason(error.value())};
    }
    if (settings_.url.scheme != Url::Scheme::unix_socket) {
        // Head and body go out in two writes: without this each request waits 40 ms for a delayed acknowledgement.
        const int on = 1;
        ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    buffer_.clear();
    if (!settings_.tls) return;
    tls_.emplace(socket_, *settings_.tls);
    prepare_tls(tls_->native_handle(), settings_.url, settings_.connect.verify_certificate);
    tls_->handshake(asio::ssl::stream_base::client, error);
    if (!error) return;
    const TlsFailure failure = explain_tls_failure(tls_->native_handle(), error);
    disconnect();
    throw TargetFailed{failure.text()};
}

// Not in the same step as connecting, which can take minutes: cut() has to know the socket by then.
void ProxyTarget::open(const Endpoint& endpoint, error_code& error) {
    const std::lock_guard lock(cutting_);
    if (cut_) throw TargetFailed{"the session has ended"};
    error_code ignored;
    socket_.close(ignored);
    socket_.open(endpoint.protocol(), error);
    descriptor_ = error ? -1 : socket_.native_handle();
}

void ProxyTarget::disconnect() {
    const std::lock_guard lock(cutting_);
    descriptor_ = -1;
    error_code ignored;
    tls_.reset();
    socket_.close(ignored);
}

void ProxyTarget::cut() {
    const std::lock_guard lock(cutting_);
    cut_ = true;
    if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
}

}  // namespace leakline::http
