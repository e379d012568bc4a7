// A blocking connection to a server on loopback that sends exactly the bytes it is given: for what a well-behaved
// client would never send. One object, one thread.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace leakline::test {

class RawConnection {
  public:
    // Waits at most this long for anything: a test that would hang fails instead.
    static constexpr int kTimeoutMs = 60'000;

    explicit RawConnection(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("cannot connect");
    }
    ~RawConnection() { ::close(socket_); }
    RawConnection(const RawConnection&) = delete;
    RawConnection& operator=(const RawConnection&) = delete;

    // False where the other side has closed.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }

    // In a packet of its own, as far as one can say.
    void send_apart(std::string_view bytes) {
        const int on = 1;
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        ::usleep(300);
        send(bytes);
    }
    bool has_answer() const {
        pollfd readable{socket_, POLLIN, 0};
        return ::poll(&readable, 1, 0) == 1;
    }
    // Gives the memory back that it took for what it received.
    void forget() { std::string().swap(buffer_); }

    void shutdown_sending() { ::shutdown(socket_, SHUT_WR); }

    // One response with a Content-Length: head and body. Empty when the connection ends first.
    std::string response(bool has_body = true) {
        std::size_t end = std::string::npos;
        while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
            if (!receive()) return {};
        std::size_t length = end + 4;
        const std::size_t field = buffer_.find("Content-Length: ");
        if (has_body && field < end) length += std::stoul(buffer_.substr(field + 16));
        while (buffer_.size() < length)
            if (!receive()) return {};
        std::string out = buffer_.substr(0, length);
        buffer_.erase(0, length);
        return out;
    }

    // What comes, to the end of this text; to the end of the connection where it does not come.
    std::string until(std::string_view text) {
        std::size_t end = std::string::npos;
        while ((end = buffer_.find(text)) == std::string::npos && receive()) {
        }
        const std::string out = buffer_.substr(0, end == std::string::npos ? end : end + text.size());
        buffer_.erase(0, out.size());
        return out;
    }

    bool timed_out() const { return timed_out_; }

    // True when the other side ends the connection (without sending more).
    bool ended() {
        const bool more = receive();
        return !more && !timed_out_;
    }

    // "HTTP/1.1 503 Service Unavailable" -> 503; 0 where there is no response.
    static int status(const std::string& response) { return response.size() < 12 ? 0 : std::stoi(response.substr(9, 3)); }
    static std::string body(const std::string& response) {
        const std::size_t end = response.find("\r\n\r\n");
        return end == std::string::npos ? "" : response.substr(end + 4);
    }

  private:
    bool receive() {
        pollfd readable{socket_, POLLIN, 0};
        if (::poll(&readable, 1, kTimeoutMs) != 1) {
            timed_out_ = true;
            return false;
        }
        char chunk[16384];
        const ssize_t n = ::recv(socket_, chunk, sizeof chunk, 0);
        if (n <= 0) return false;
        buffer_.append(chunk, static_cast<std::size_t>(n));
        return true;
    }

    int socket_;
    std::string buffer_;
    bool timed_out_ = false;
};

// A request as bytes, with Host and Content-Length.
inline std::string request_text(std::string_view method, std::string_view target, std::string_view body = {},
                                std::string_view more_headers = {}) {
    std::string text = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n";
    text += more_headers;
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + std::string(body);
}

}  // namespace leakline::test
