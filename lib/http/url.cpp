#include "http/url.hpp"

#include <charconv>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "http/message.hpp"

namespace leakline::http {

namespace {

[[noreturn]] void refuse(std::string_view text, std::string message, std::string hint = {}) {
    throw Error(ErrorKind::usage, "'" + printable(redact_userinfo(text)) + "'", std::move(message), redact_userinfo(hint));
}

// A space or control character would end the request line: they, and bytes that are not ASCII, are escaped.
std::string encode_target(std::string_view text) {
    text = text.substr(0, text.find('#'));
    std::string target;
    if (text.empty() || text.front() != '/') target = "/";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte < 0x7f)
            target += c;
        else
            append_percent_encoded(target, c);
    }
    return target;
}

std::uint16_t parse_port(std::string_view whole, std::string_view text) {
    unsigned port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port == 0 || port > 65535)
        refuse(whole, "bad port '" + printable(text) + "': a port is a number from 1 to 65535");
    return static_cast<std::uint16_t>(port);
}

Url parse_unix(std::string_view whole, std::string_view rest) {
    Url url;
    url.scheme = Url::Scheme::unix_socket;
    url.port = 0;
    const std::size_t colon = rest.find(":/");
    url.socket_path = rest.substr(0, colon);
    if (colon != rest.npos) url.target = encode_target(rest.substr(colon + 1));
    if (url.socket_path.empty()) refuse(whole, "no socket path", "unix:/run/app.sock");
    if (url.socket_path.size() > 107) refuse(whole, "the socket path is longer than the 107 bytes that Linux takes");
    return url;
}

}  // namespace

std::string redact_userinfo(std::string_view text) {
    const std::size_t scheme = text.find("://"), begin = scheme == text.npos ? 0 : scheme + 3;
    const std::string_view rest = text.substr(begin), authority = rest.substr(0, rest.find_first_of("/?#"));
    std::size_t at = authority.rfind('@');
    if (at == authority.npos) {
        // "u:pass/word@host": the text after the colon is not a port, so the password continues after the slash.
        const std::size_t colon = authority.find(':');
        const bool port = colon == authority.npos || authority.substr(colon + 1).find_first_not_of("0123456789") == authority.npos;
        if (!port && !authority.starts_with('[')) at = rest.rfind('@');
    }
    if (at == rest.npos || at >= rest.size()) return std::string(text);
    return std::string(text.substr(0, begin)) + "***" + std::string(rest.substr(at));
}

Url parse_url(std::string_view text) {
    const std::string_view whole = text;
    if (starts_with_ignoring_case(text, "unix:")) return parse_unix(whole, text.substr(5));
    Url url;
    if (starts_with_ignoring_case(text, "http://")) {
        text.remove_prefix(7);
    } else if (starts_with_ignoring_case(text, "https://")) {
        url.scheme = Url::Scheme::https;
        url.port = 443;
        text.remove_prefix(8);
    } else {
        refuse(whole, "not a URL that can be sent to: it has to start with http://, https:// or unix:",
               text.find("://") == text.npos && !text.empty() ? "http://" + printable(text) : "");
    }
    const std::size_t authority_end = text.find_first_of("/?#");
    std::string_view authority = text.substr(0, authority_end);
    if (authority_end != text.npos) url.target = encode_target(text.substr(authority_end));
    if (authority.find('@') != authority.npos)
        refuse(whole, "a user name in a URL is not supported", "send an Authorization header instead");

    if (!authority.empty() && authority.front() == '[') {
        const std::size_t close = authority.find(']');
        if (close == authority.npos) refuse(whole, "the IPv6 address has no closing ']'");
        url.host = authority.substr(1, close - 1);
        authority.remove_prefix(close + 1);
        if (!authority.empty() && authority.front() != ':') refuse(whole, "expected ':' and a port after ']'");
        if (!authority.empty()) url.port = parse_port(whole, authority.substr(1));
    } else {
        const std::size_t colon = authority.find(':');
        if (colon != authority.rfind(':')) refuse(whole, "an IPv6 address needs brackets", "http://[::1]:8080");
        url.host = authority.substr(0, colon);
        if (colon != authority.npos) url.port = parse_port(whole, authority.substr(colon + 1));
    }
    if (url.host.empty()) refuse(whole, "no host name");
    for (const char c : url.host)
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) refuse(whole, "a host name has no spaces");
    return url;
}

std::string Url::authority() const {
    if (scheme == Scheme::unix_socket) return "localhost";
    std::string result = host.find(':') == host.npos ? host : "[" + host + "]";
    if (port != (scheme == Scheme::https ? 443 : 80)) result += ":" + std::to_string(port);
    return result;
}

std::string Url::origin() const {
    if (scheme == Scheme::unix_socket) return "unix:" + socket_path;
    return (scheme == Scheme::https ? "https://" : "http://") + authority();
}

std::string Url::text() const { return origin() + (scheme == Scheme::unix_socket ? ":" : "") + target; }

std::string ListenAddress::text() const {
    return (address.find(':') == address.npos ? address : "[" + address + "]") + ":" + std::to_string(port);
}

ListenAddress parse_listen(std::string_view text) {
    ListenAddress listen;
    const std::size_t colon = text.rfind(':');
    std::string_view host = colon == text.npos ? "" : text.substr(0, colon);
    const std::string_view port = colon == text.npos ? text : text.substr(colon + 1);
    const auto refuse_listen = [&](const std::string& why, std::string hint) {
        throw Error(ErrorKind::usage, "--listen", "'" + printable(text) + "' " + why, std::move(hint));
    };
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    else if (host.find(':') != host.npos)
        refuse_listen("has an IPv6 address without brackets", "as in --listen [::1]:8080");
    if (!host.empty() && host != "localhost") listen.address = host;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), listen.port);
    if (error != std::errc{} || end != port.data() + port.size())
        refuse_listen("has no port between 0 and 65535", "as in --listen 127.0.0.1:8080; port 0 chooses a free one");
    return listen;
}

}  // namespace leakline::http
