// What the services of one file have in common: they listen on a port of this machine, and answer GET requests, which have no body.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

// A socket that listens on the loopback interface. Ends the program if the port is taken.
inline int listen_on(const char* port) {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0), one = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listener, 512) != 0) {
        std::perror("bind");
        std::exit(1);
    }
    return listener;
}

// Answers 200 to each request of a connection, after on_request(), until the client closes it.
inline void answer_gets(int connection, void (*on_request)()) {
    const int one = 1;
    ::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    std::string in;
    char buffer[65536];
    for (;;) {
        std::size_t end;
        while ((end = in.find("\r\n\r\n")) == std::string::npos) {
            const ssize_t n = ::read(connection, buffer, sizeof buffer);
            if (n <= 0) {
                ::close(connection);
                return;
            }
            in.append(buffer, static_cast<std::size_t>(n));
        }
        in.erase(0, end + 4);
        on_request();
        static const char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        if (::write(connection, kOk, sizeof kOk - 1) < 0) {
            ::close(connection);
            return;
        }
    }
}
