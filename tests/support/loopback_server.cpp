#include "support/loopback_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace leakline::test {

namespace {

std::size_t content_length(const std::string& head) {
    for (std::size_t line = head.find("\r\n"); line != head.npos; line = head.find("\r\n", line + 2))
        if (strncasecmp(head.c_str() + line + 2, "Content-Length:", 15) == 0) return std::strtoul(head.c_str() + line + 17, nullptr, 10);
    return 0;
}

}  // namespace

std::string Wire::take(std::size_t size) {
    std::string text = pending_.substr(0, size);
    pending_.erase(0, size);
    return text;
}

bool Wire::receive() {
    char chunk[16 * 1024];
    const ssize_t count = ::recv(descriptor_, chunk, sizeof chunk, 0);
    if (count > 0) pending_.append(chunk, static_cast<std::size_t>(count));
    return count > 0;
}

std::string Wire::read(std::size_t size) {
    while (pending_.size() < size)
        if (!receive()) return {};
    return take(size);
}

std::string Wire::read_until(const std::string& text) {
    for (;;) {
        if (const std::size_t end = pending_.find(text); end != pending_.npos) return take(end + text.size());
        if (!receive()) return {};
    }
}

std::string Wire::read_request() {
    const std::string head = read_until("\r\n\r\n");
    if (head.empty()) return {};
    if (head.find("Transfer-Encoding: chunked\r\n") != head.npos) return head + read_until("0\r\n\r\n");
    const std::size_t size = content_length(head.substr(0, head.size() - 2));
    while (pending_.size() < size)
        if (!receive()) return {};
    return head + take(size);
}

void Wire::write(const std::string& bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
        const ssize_t count = ::send(descriptor_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) return;
        sent += static_cast<std::size_t>(count);
    }
}

void Wire::shutdown_sending() { ::shutdown(descriptor_, SHUT_WR); }

void Wire::reset() {
    const linger at_once{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void Wire::wait_for_close() {
    char chunk[4096];
    while (::recv(descriptor_, chunk, sizeof chunk, 0) > 0) {
    }
}

LoopbackServer::LoopbackServer(Handler handler, std::string unix_path) : handler_(std::move(handler)), unix_path_(std::move(unix_path)) {
    int failed = 0;
    if (unix_path_.empty()) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        failed = ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
        socklen_t size = sizeof address;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
    } else {
        listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, unix_path_.c_str(), sizeof address.sun_path - 1);
        failed = ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
    if (failed != 0 || ::listen(listener_, 256) != 0) throw std::runtime_error("no listening socket for the test");
    accepting_ = std::thread([this] { serve(); });
}

std::string LoopbackServer::url() const { return unix_path_.empty() ? "http://127.0.0.1:" + std::to_string(port_) : "unix:" + unix_path_; }

void LoopbackServer::serve() {
    for (;;) {
        const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (descriptor < 0 || stopping_) {
            if (descriptor >= 0) ::close(descriptor);
            if (stopping_ || errno != EINTR) return;
            continue;
        }
        ++accepted_;
        const std::lock_guard lock(mutex_);
        open_.push_back(descriptor);
        handlers_.emplace_back([this, descriptor] {
            Wire wire(descriptor);
            handler_(wire);
            const std::lock_guard closing(mutex_);
            open_.erase(std::find(open_.begin(), open_.end(), descriptor));
            ::close(descriptor);
        });
    }
}

void LoopbackServer::stop() {
    if (stopping_.exchange(true)) return;
    ::shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    ::close(listener_);
    {
        const std::lock_guard lock(mutex_);
        for (const int descriptor : open_) ::shutdown(descriptor, SHUT_RDWR);
    }
    for (std::thread& handler : handlers_) handler.join();
}

RecordingServer::RecordingServer()
    : server_([this](Wire& wire) {
          for (;;) {
              std::string request = wire.read_request();
              if (request.empty()) return;
              {
                  const std::lock_guard lock(mutex_);
                  requests_.push_back(std::move(request));
              }
              wire.write(kOk);
          }
      }) {}

std::vector<std::string> RecordingServer::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

}  // namespace leakline::test
