// How a client connects to a server: whose certificates it trusts, which one it presents, and at which address a host is.
// Plain data and pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/url.hpp"

namespace leakline::http {

// The address of a host, instead of the resolver's.
struct HostAddress {
    std::string host;
    std::uint16_t port = 0;  // 0: any port
    std::string address;     // numeric, without the brackets of IPv6
};
// "HOST:PORT:ADDRESS", such as api.example.com:443:127.0.0.1 or api.example.com:*:[::1]. Throws Error{usage}.
HostAddress parse_host_address(std::string_view text);

// automatic: over TLS the target chooses (ALPN); else HTTP/1.1. http2: by prior knowledge; over TLS a target that does not offer it
// is refused.
enum class HttpVersion { automatic, http1, http2 };

struct ConnectOptions {
    HttpVersion version = HttpVersion::automatic;  // of the pool; single requests use HTTP/1.1
    bool verify_certificate = true;                // https: chain and host name, against the system's or ca_file's roots
    std::string ca_file;                           // PEM; empty: the system's roots
    // The client certificate with its intermediates, and its private key: PEM. Without a key file, certificate_file has both.
    std::string certificate_file, key_file;
    std::vector<HostAddress> addresses;  // several for a host: tried in this order
};

// Throws Error{usage} where the options cannot apply to the URL (a client certificate without TLS, addresses of other hosts
// only) or a file of theirs cannot be used.
void check_connect_options(const Url& url, const ConnectOptions& options);

}  // namespace leakline::http
