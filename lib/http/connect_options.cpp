#include "http/connect_options.hpp"

#include <arpa/inet.h>

#include <charconv>

#include "base/error.hpp"
#include "base/strings.hpp"

namespace leakline::http {

namespace {

bool is_address(const std::string& text) {
    unsigned char bytes[sizeof(in6_addr)];
    return ::inet_pton(AF_INET, text.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
    throw Error(ErrorKind::usage, "--resolve", "'" + printable(text) + "' " + why, "--resolve api.example.com:443:127.0.0.1");
}

}  // namespace

HostAddress parse_host_address(std::string_view text) {
    const std::size_t first = text.find(':'), second = first == text.npos ? text.npos : text.find(':', first + 1);
    if (second == text.npos || first == 0) refuse(text, "is not HOST:PORT:ADDRESS");
    HostAddress result;
    result.host = text.substr(0, first);
    if (const std::string_view port = text.substr(first + 1, second - first - 1); port != "*") {
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
        if (error != std::errc{} || end != port.data() + port.size() || result.port == 0)
            refuse(text, "has no port from 1 to 65535, and no * for any port");
    }
    std::string_view address = text.substr(second + 1);
    if (address.size() > 2 && address.front() == '[' && address.back() == ']') address = address.substr(1, address.size() - 2);
    result.address = address;
    if (!is_address(result.address)) refuse(text, "does not end with an IP address");
    return result;
}

}  // namespace leakline::http
