#include "model/request_jsonl.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/json_text.hpp"
#include "base/utf8.hpp"

namespace leakline {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> kDigits = [] {
    std::array<std::int8_t, 256> digits{};
    digits.fill(-1);
    for (std::size_t i = 0; i < kAlphabet.size(); ++i) digits[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
    digits['-'] = 62;
    digits['_'] = 63;
    return digits;
}();

void append_text(std::string& out, std::string_view text) {
    if (is_utf8(text)) return append_json_string(out, text);
    std::string widened;
    for (const char c : text) append_utf8(widened, static_cast<unsigned char>(c));
    append_json_string(out, widened);
}

}  // namespace

void append_json_headers(std::string& out, const std::vector<std::pair<std::string, std::string>>& headers) {
    out += ",\"headers\":{";
    bool first = true;
    for (auto header = headers.begin(); header != headers.end(); ++header) {
        const auto same = [&](const auto& other) { return other.first == header->first; };
        if (std::any_of(headers.begin(), header, same)) continue;  // is in the array of its first occurrence
        if (!first) out += ',';
        first = false;
        append_text(out, header->first);
        const bool several = std::any_of(header + 1, headers.end(), same);
        out += several ? ":[" : ":";
        append_text(out, header->second);
        if (!several) continue;
        for (auto other = header + 1; other != headers.end(); ++other) {
            if (!same(*other)) continue;
            out += ',';
            append_text(out, other->second);
        }
        out += ']';
    }
    out += '}';
}

void append_json_body(std::string& out, std::string_view body) {
    if (body.empty()) return;
    if (is_utf8(body)) {
        out += ",\"body\":";
        append_json_string(out, body);
    } else {
        out += ",\"body_b64\":\"";
        append_base64(out, body);
        out += '"';
    }
}

void append_jsonl(std::string& out, const Request& request) {
    out += "{\"ts_ns\":" + (request.has_time ? std::to_string(request.at.count()) : "null") + ",\"method\":";
    append_text(out, request.method);
    out += ",\"url\":";
    append_text(out, request.target);
    append_json_headers(out, request.headers);
    append_json_body(out, request.body);
    if (!request.connection.empty()) {
        out += ",\"conn\":";
        append_text(out, request.connection);
    }
    if (request.recorded_status) out += ",\"status\":" + std::to_string(*request.recorded_status);
    if (request.resolution.count() > 0) out += ",\"resolution_ns\":" + std::to_string(request.resolution.count());
    if (!request.response.empty()) out.append(",\"response\":").append(request.response);
    out += "}\n";
}

void append_base64(std::string& out, std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (std::size_t k = 0; k < 4; ++k) out += k <= count ? kAlphabet[group >> (18 - 6 * k) & 63] : '=';
    }
}

bool append_from_base64(std::string& out, std::string_view text) {
    for (int padding = 0; padding < 2 && !text.empty() && text.back() == '='; ++padding) text.remove_suffix(1);
    if (text.size() % 4 == 1) return false;
    std::uint32_t group = 0;
    int bits = 0;
    for (const char c : text) {
        const int digit = kDigits[static_cast<unsigned char>(c)];
        if (digit < 0) return false;
        group = group << 6 | static_cast<std::uint32_t>(digit);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out += static_cast<char>(group >> bits & 0xff);
        }
    }
    return true;
}

}  // namespace leakline
