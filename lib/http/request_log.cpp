#include "http/request_log.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace leakline::http {

namespace {

constexpr std::array<std::string_view, 6> kConnectionHeaders = {"host",              "connection", "content-length",
                                                                "transfer-encoding", "expect",     "keep-alive"};

bool recorded(std::span<const Header> headers, std::size_t index) {
    const std::string& name = headers[index].name;
    for (const std::string_view skipped : kConnectionHeaders)
        if (equal_ignoring_case(name, skipped)) return false;
    for (std::size_t later = index + 1; later < headers.size(); ++later)
        if (equal_ignoring_case(headers[later].name, name)) return false;
    return valid_utf8(headers[index].value);
}

void append_base64(std::string& out, std::string_view bytes) {
    static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (k < left ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        out += kAlphabet[group >> 18];
        out += kAlphabet[group >> 12 & 63];
        out += left > 1 ? kAlphabet[group >> 6 & 63] : '=';
        out += left > 2 ? kAlphabet[group & 63] : '=';
    }
}

}  // namespace

void append_log_line(std::string& out, std::chrono::nanoseconds at, std::string_view method, std::string_view target,
                     std::span<const Header> headers, std::string_view body) {
    out += "{\"ts_ns\":";
    out += std::to_string(at.count());
    out += ",\"method\":\"";
    append_json_escaped(out, method);
    out += "\",\"url\":\"";
    append_json_escaped(out, target);
    out += "\",\"headers\":{";
    bool first = true;
    for (std::size_t i = 0; i < headers.size(); ++i) {
        if (!recorded(headers, i)) continue;
        out += first ? "\"" : ",\"";
        first = false;
        append_json_escaped(out, headers[i].name);
        out += "\":\"";
        append_json_escaped(out, headers[i].value);
        out += '"';
    }
    if (valid_utf8(body)) {
        out += "},\"body\":\"";
        append_json_escaped(out, body);
    } else {
        out += "},\"body_b64\":\"";
        append_base64(out, body);
    }
    out += "\"}\n";
}

bool valid_utf8(std::string_view text) {
    const auto* byte = reinterpret_cast<const unsigned char*>(text.data());
    const auto* const end = byte + text.size();
    while (byte != end) {
        if (end - byte >= 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, byte, 8);
            if ((word & 0x8080808080808080U) == 0) {
                byte += 8;
                continue;
            }
        }
        const unsigned lead = *byte;
        if (lead < 0x80) {
            ++byte;
            continue;
        }
        // The second byte's range excludes overlong forms, surrogates and what lies beyond U+10FFFF.
        int more = 0;
        unsigned low = 0x80, high = 0xBF;
        if (lead >= 0xC2 && lead <= 0xDF) {
            more = 1;
        } else if (lead >= 0xE0 && lead <= 0xEF) {
            more = 2;
            if (lead == 0xE0) low = 0xA0;
            if (lead == 0xED) high = 0x9F;
        } else if (lead >= 0xF0 && lead <= 0xF4) {
            more = 3;
            if (lead == 0xF0) low = 0x90;
            if (lead == 0xF4) high = 0x8F;
        } else {
            return false;
        }
        if (end - byte <= more || byte[1] < low || byte[1] > high) return false;
        for (int i = 2; i <= more; ++i)
            if ((byte[i] & 0xC0U) != 0x80) return false;
        byte += more + 1;
    }
    return true;
}

}  // namespace leakline::http
