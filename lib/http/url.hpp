// Where an HTTP request goes, and where a server listens. Pure functions over values, safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leakline::http {

struct Url {
    enum class Scheme { http, https, unix_socket };

    Scheme scheme = Scheme::http;
    std::string host;          // without the brackets of an IPv6 address; empty for a Unix socket
    std::uint16_t port = 80;   // 0 for a Unix socket
    std::string socket_path;   // of a Unix socket only
    std::string target = "/";  // path and query as they stand in the request line; never empty, no fragment

    // The value of the Host header: "example.org", "[::1]:8080" (a default port is left out), "localhost" for a socket.
    std::string authority() const;
    // Scheme and authority, without the target: "http://[::1]:8080", "unix:/run/app.sock".
    std::string origin() const;
    std::string text() const;  // origin and target
};

// "http://host[:port][/path][?query]", "https://...", "unix:/path/of.sock[:/path]". Bytes that are not allowed in a
// request line are percent-encoded. Throws Error{usage} that quotes the text and says what is wrong with it.
Url parse_url(std::string_view text);

// text with the user name and password of a URL in it replaced by "***": "http://u:secret@host/" -> "http://***@host/".
// Text without them is unchanged. For messages, and for what is stored.
std::string redact_userinfo(std::string_view text);

// The address that a server listens on.
struct ListenAddress {
    std::string address = "127.0.0.1";  // numeric, without the brackets of IPv6
    std::uint16_t port = 0;             // 0: the system picks one

    std::string text() const;  // "127.0.0.1:8080", "[::1]:8080"
};

// The value of --listen: "127.0.0.1:8080", "[::1]:8080", "localhost:8080" and, on loopback, ":8080" or "8080".
// Throws Error{usage} that quotes it.
ListenAddress parse_listen(std::string_view text);

}  // namespace leakline::http
