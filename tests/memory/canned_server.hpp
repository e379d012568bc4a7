// An HTTP server on loopback that answers every request with what a function says, and remembers what it was asked.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace leakline::test {

class CannedServer {
  public:
    // respond gets the whole request and returns the whole response; it runs on the server's thread. An empty response
    // keeps the connection open, silent, until the client gives up.
    explicit CannedServer(std::function<std::string(const std::string&)> respond)
        : respond_(std::move(respond)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 16) != 0 || ::getsockname(listener_, generic, &size) != 0)
            throw std::runtime_error("cannot listen on loopback");
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }

    ~CannedServer() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    std::vector<std::string> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

    static std::string response(const std::string& status, const std::string& body) {
        return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
    }

  private:
    void serve() {
        for (;;) {
            const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (client < 0) return;
            const std::string request = read_request(client);
            {
                const std::lock_guard lock(mutex_);
                requests_.push_back(request);
            }
            const std::string answer = respond_(request);
            if (answer.empty()) {
                char byte;
                while (::read(client, &byte, 1) > 0) {
                }
            } else if (::send(client, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) {
                // The client has gone: its test sees that.
            }
            ::close(client);
        }
    }

    static std::string read_request(int client) {
        std::string text;
        char buffer[4096];
        for (;;) {
            const std::size_t end = text.find("\r\n\r\n");
            if (end != std::string::npos) {
                std::size_t length = 0;
                if (const std::size_t at = text.find("Content-Length: "); at < end) length = std::stoul(text.substr(at + 16));
                if (text.size() >= end + 4 + length) return text;
            }
            const ssize_t got = ::read(client, buffer, sizeof buffer);
            if (got <= 0) return text;
            text.append(buffer, static_cast<std::size_t>(got));
        }
    }

    std::function<std::string(const std::string&)> respond_;
    int listener_;
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    std::vector<std::string> requests_;  // guarded by mutex_
    std::thread thread_;
};

}  // namespace leakline::test
