// The least that a server on one core can do for a request, as the floor that a load generator is measured against:
// read what is there, count the ends of headers, answer each with the same bytes. No parsing, no limits, no safety.
// usage: http_floor PORT_FILE     serves on loopback until it is killed
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener, 1024) != 0) return 1;
    getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    if (std::FILE* file = std::fopen(argv[1], "w")) {
        std::fprintf(file, "%d\n", ntohs(address.sin_port));
        std::fclose(file);
    }
    const int epoll = ::epoll_create1(0);
    epoll_event event{EPOLLIN, {}};
    event.data.fd = listener;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    constexpr std::string_view kAnswer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n{\"status\":\"success\"}\n";
    static char buffer[65536];
    epoll_event events[64];
    for (;;) {
        const int count = ::epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; ++i) {
            const int socket = events[i].data.fd;
            if (socket == listener) {
                const int accepted = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
                event.data.fd = accepted;
                if (accepted >= 0) ::epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &event);
                continue;
            }
            const ssize_t got = ::recv(socket, buffer, sizeof buffer, 0);
            if (got <= 0) {
                ::close(socket);
                continue;
            }
            const std::string_view text(buffer, static_cast<std::size_t>(got));
            for (std::size_t at = text.find("\r\n\r\n"); at != std::string_view::npos; at = text.find("\r\n\r\n", at + 4))
                if (::send(socket, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL) < 0) break;
        }
    }
}
