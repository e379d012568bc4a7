#include "replay/wire.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/ascii.hpp"
#include "base/strings.hpp"

namespace leakline::replay {

namespace {

// RFC 9110, section 7.6.1, and fields that this client sets itself. Expect is dropped because the body follows at once.
bool is_of_the_connection(std::string_view name) {
    if (name.empty() || name.front() == ':') return true;
    switch (name.size()) {
        case 2: return equal_ignoring_case(name, "te");
        case 4: return equal_ignoring_case(name, "host");
        case 6: return equal_ignoring_case(name, "expect");
        case 7: return equal_ignoring_case(name, "trailer") || equal_ignoring_case(name, "upgrade");
        case 10: return equal_ignoring_case(name, "connection") || equal_ignoring_case(name, "keep-alive");
        case 14: return equal_ignoring_case(name, "content-length");
        case 16: return equal_ignoring_case(name, "proxy-connection");
        case 17: return equal_ignoring_case(name, "transfer-encoding");
        default: return false;
    }
}

// Has no byte that ends a line or a word of the head.
bool is_word(std::string_view text) {
    for (const char c : text)
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return false;
    return !text.empty();
}

bool is_header_name(std::string_view text) { return is_word(text) && std::memchr(text.data(), ':', text.size()) == nullptr; }

// Writes words into reserved space: a string's append() checks its capacity each time, which costs more per request than
// the copying.
class RequestBuffer {
  public:
    explicit RequestBuffer(char* at) : at_(at) {}
    RequestBuffer& operator<<(std::string_view text) {
        text.copy(at_, text.size());
        at_ += text.size();
        return *this;
    }
    char* at() const { return at_; }

  private:
    char* at_;
};

bool usually_has_body(std::string_view method) { return method == "POST" || method == "PUT" || method == "PATCH"; }

}  // namespace

bool is_header_value(std::string_view text) {
    for (const char c : text)
        if (c == '\r' || c == '\n' || c == '\0') return false;
    return true;
}

std::string_view target_of_request(std::string_view request) {
    const std::size_t blank = request.find(' ');
    return blank == request.npos ? "" : request.substr(blank + 1, request.find(' ', blank + 1) - blank - 1);
}

bool closes_connection(const Record& record) {
    return std::any_of(record.headers.begin(), record.headers.end(),
                       [](const auto& header) { return is_connection_close(header.first, header.second); });
}

std::string why_not_sent(const Record& record) {
    constexpr std::size_t kQuoted = 60;
    const auto quoted = [](std::string_view text) { return "'" + printable(text.substr(0, kQuoted)) + "'"; };
    const std::string_view target = path_of_target(record.target);
    std::string reason = "the request cannot be sent: ";
    if (!is_word(record.method)) return reason + "the method " + quoted(record.method) + " is not a single word";
    if (!is_word(target)) return reason + "the URL " + quoted(target) + " contains a space or a control character";
    for (const auto& [name, value] : record.headers) {
        if (is_of_the_connection(name)) continue;
        if (!is_header_name(name)) return reason + quoted(name) + " is not a header name";
        if (!is_header_value(value)) return reason + "the header " + quoted(name) + " contains a line break";
    }
    return reason + "the URL " + quoted(record.target) + " has no path";
}

std::string_view path_of_target(std::string_view target) {
    target = target.substr(0, target.find('#'));  // a browser's own; it is never sent
    if (target.empty()) return "/";
    if (target.front() == '/') return target;
    const std::size_t scheme = target.find("://");
    if (scheme == target.npos) return target;
    const std::size_t path = target.find_first_of("/?", scheme + 3);
    return path == target.npos ? "/" : target.substr(path);
}

bool append_wire(std::string& out, const Record& record, std::string_view host) {
    const std::size_t start = out.size();
    const std::string_view target = path_of_target(record.target);
    if (!is_word(record.method) || !is_word(target)) return false;
    const bool needs_slash = target.front() == '?';
    // RFC 9112, section 3.2: the other forms are for proxies.
    if (target.front() != '/' && !needs_slash && !(target == "*" && record.method == "OPTIONS")) return false;
    constexpr std::string_view kVersionAndHost = " HTTP/1.1\r\nHost: ", kContentLength = "Content-Length: ", kEnd = "\r\n",
                               kClose = "Connection: close\r\n";
    constexpr std::size_t kDigits = 20;
    std::size_t room =
        record.method.size() + 2 + target.size() + kVersionAndHost.size() + host.size() + kContentLength.size() + kDigits + 3 * kEnd.size();
    for (const auto& [name, value] : record.headers) room += name.size() + value.size() + 4;
    out.resize(start + room);
    RequestBuffer buffer(out.data() + start);
    buffer << record.method << (needs_slash ? " /" : " ") << target << kVersionAndHost << host << kEnd;
    for (const auto& [name, value] : record.headers) {
        if (is_of_the_connection(name)) {
            if (is_connection_close(name, value)) buffer << kClose;
            continue;
        }
        if (!is_header_name(name) || !is_header_value(value)) {
            out.resize(start);
            return false;
        }
        buffer << name << ": " << value << kEnd;
    }
    if (!record.body.empty() || usually_has_body(record.method)) {
        char digits[kDigits];
        const auto end = std::to_chars(digits, digits + sizeof digits, record.body.size());
        buffer << kContentLength << std::string_view(digits, static_cast<std::size_t>(end.ptr - digits)) << kEnd;
    }
    buffer << kEnd;
    out.resize(static_cast<std::size_t>(buffer.at() - out.data()));
    out.append(record.body);
    return true;
}

}  // namespace leakline::replay
