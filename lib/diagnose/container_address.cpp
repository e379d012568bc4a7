#include "diagnose/internal/container_address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "system/descriptor.hpp"
#include "system/proc_file.hpp"

namespace leakline::diagnose {

namespace {

sockaddr_in address_of(const SocketEnd& end) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(end.port);
    ::inet_pton(AF_INET, end.address.c_str(), &address.sin_addr);
    return address;
}

// Our end of a connection to there; nothing if there is none within half a second.
std::optional<SocketEnd> connected(const Descriptor& connection, const SocketEnd& there) {
    constexpr int kPatience_ms = 500;
    const sockaddr_in address = address_of(there);
    if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        pollfd wait{connection.get(), POLLOUT, 0};
        int error = 0;
        socklen_t size = sizeof error;
        if (errno != EINPROGRESS || ::poll(&wait, 1, kPatience_ms) != 1) return std::nullopt;
        if (::getsockopt(connection.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return std::nullopt;
    }
    sockaddr_in own{};
    socklen_t size = sizeof own;
    char text[INET_ADDRSTRLEN] = "";
    if (::getsockname(connection.get(), reinterpret_cast<sockaddr*>(&own), &size) != 0) return std::nullopt;
    if (::inet_ntop(AF_INET, &own.sin_addr, text, sizeof text) == nullptr) return std::nullopt;
    return SocketEnd{text, ntohs(own.sin_port)};
}

// The same address can be another machine's.
bool is_reached(int pid, const SocketEnd& there) {
    const Descriptor connection(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const auto here = connection.get() >= 0 ? connected(connection, there) : std::nullopt;
    if (!here) return false;
    for (const char* table : {"tcp", "tcp6"})
        if (const auto text = read_small_file(fmt::format("/proc/{}/net/{}", pid, table)); text && has_connection(*text, there, *here))
            return true;
    return false;
}

}  // namespace

std::optional<std::string> container_address(int pid, const ListeningSocket& socket) {
    const auto trie = read_small_file(fmt::format("/proc/{}/net/fib_trie", pid));
    for (const std::string& address : own_addresses(trie.value_or("")))
        if (is_reached(pid, {address, socket.port})) return address;
    return std::nullopt;
}

}  // namespace leakline::diagnose
