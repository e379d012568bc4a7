#include "http/internal/ordinary_head.hpp"

#include <array>

#include "base/ascii.hpp"
#include "base/strings.hpp"

namespace leakline::http {

namespace {

// RFC 9110, section 5.6.2.
constexpr std::array<bool, 256> kTokenBytes = [] {
    std::array<bool, 256> table{};
    for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
    for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = table[static_cast<std::size_t>(c | 0x20)] = true;
    for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
    return table;
}();

// Bytes of a value or a reason: no control characters except the tab.
constexpr std::array<bool, 256> kTextBytes = [] {
    std::array<bool, 256> table{};
    for (std::size_t c = 0x20; c < table.size(); ++c) table[c] = c != 0x7f;
    table['\t'] = true;
    return table;
}();

const char* skip(const std::array<bool, 256>& bytes, const char* at, const char* end) {
    while (at != end && bytes[static_cast<unsigned char>(*at)]) ++at;
    return at;
}

bool ends_line(const char* at, const char* end) { return end - at >= 2 && at[0] == '\r' && at[1] == '\n'; }

// token consists of kTokenBytes, of which setting bit 0x20 changes only capital letters to small ones.
bool is_field(std::string_view token, std::string_view lower) {
    unsigned difference = 0;
    for (std::size_t i = 0; i < lower.size(); ++i)
        difference |= (static_cast<unsigned char>(token[i]) | 0x20U) ^ static_cast<unsigned char>(lower[i]);
    return difference == 0;
}

std::optional<std::uint64_t> number(std::string_view digits) {
    constexpr std::size_t kSafe = 18;  // digits that 64 bits always hold
    if (digits.empty() || digits.size() > kSafe) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : digits) {
        if (!is_digit(c)) return std::nullopt;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
}

}  // namespace

std::optional<OrdinaryHead> ordinary_head(std::string_view bytes) {
    constexpr std::string_view kVersion = "HTTP/1.1 ";
    const char *at = bytes.data(), *const end = at + bytes.size();
    if (!bytes.starts_with(kVersion) || bytes.size() < kVersion.size() + 4) return std::nullopt;
    at += kVersion.size();
    if (at[0] < '2' || at[0] > '9' || !is_digit(at[1]) || !is_digit(at[2]) || at[3] != ' ') return std::nullopt;
    OrdinaryHead head;
    head.status = (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0');
    at = skip(kTextBytes, at + 4, end);
    if (!ends_line(at, end)) return std::nullopt;

    bool has_length = false;
    for (at += 2; !ends_line(at, end); at += 2) {
        const char* const name = at;
        at = skip(kTokenBytes, at, end);
        if (at == name || at == end || *at != ':') return std::nullopt;
        const std::string_view field(name, static_cast<std::size_t>(at - name));
        const char* const value = ++at;
        at = skip(kTextBytes, at, end);
        if (!ends_line(at, end)) return std::nullopt;
        const std::string_view text(value, static_cast<std::size_t>(at - value));
        // The fields that say where a response ends and what becomes of its connection.
        switch (field.size()) {
            case 14:
                if (!is_field(field, "content-length")) break;
                if (const std::optional<std::uint64_t> length = number(trim(text)); length && !has_length)
                    head.length = *length;
                else
                    return std::nullopt;
                has_length = true;
                break;
            case 10:
                if (!is_field(field, "connection")) break;
                if (equal_ignoring_case(trim(text), "close"))
                    head.keep_alive = false;
                else if (!equal_ignoring_case(trim(text), "keep-alive"))
                    return std::nullopt;
                break;
            case 7:
                if (is_field(field, "upgrade")) return std::nullopt;
                break;
            case 16:
                if (is_field(field, "proxy-connection")) return std::nullopt;
                break;
            case 17:
                if (is_field(field, "transfer-encoding")) return std::nullopt;
                break;
            default: break;
        }
    }
    head.size = static_cast<std::size_t>(at + 2 - bytes.data());
    if (head.status == 204 || head.status == 304)
        head.length = 0;
    else if (!has_length)
        return std::nullopt;
    return head;
}

}  // namespace leakline::http
