#include "http/internal/http2_request.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "base/strings.hpp"

namespace leakline::http {

namespace {

constexpr std::string_view kLineEnd = "\r\n";

nghttp2_nv field_of(std::string_view name, std::string_view value) {
    // nghttp2 does not write to what it is told not to copy.
    const auto bytes = [](std::string_view text) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())); };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

bool is_forbidden(std::string_view name) {
    switch (name.size()) {
        case 2: return name == "te";
        case 7: return name == "upgrade";
        case 10: return name == "connection" || name == "keep-alive";
        case 14: return name == "http2-settings";
        case 16: return name == "proxy-connection";
        case 17: return name == "transfer-encoding";
        default: return false;
    }
}

std::string_view take_until(std::string_view& text, std::string_view end) {
    const std::size_t at = text.find(end);
    if (at == text.npos) return {};
    const std::string_view taken = text.substr(0, at);
    text.remove_prefix(at + end.size());
    return taken;
}

}  // namespace

bool Http2Request::read(std::string& request, std::string_view scheme) {
    fields.clear();
    is_grpc = false;
    std::string_view rest = request;
    const std::string_view method = take_until(rest, " "), target = take_until(rest, " ");
    take_until(rest, kLineEnd);
    if (method.empty() || target.empty()) return false;
    fields.push_back(field_of(":method", method));
    fields.push_back(field_of(":scheme", scheme));
    fields.push_back(field_of(":path", target));
    bool has_authority = false;
    while (!rest.starts_with(kLineEnd)) {
        const std::size_t colon = rest.find(':'), end = rest.find(kLineEnd);
        if (end == rest.npos || colon > end) return false;
        char* const name_begin = request.data() + (rest.data() - request.data());
        std::transform(name_begin, name_begin + colon, name_begin, [](char c) { return to_lower(c); });
        const std::string_view name = rest.substr(0, colon), value = trim(rest.substr(colon + 1, end - colon - 1));
        rest.remove_prefix(end + kLineEnd.size());
        if (name == "host" && !has_authority) {
            fields.insert(fields.begin() + 3, field_of(":authority", value));
            has_authority = true;
        } else if (name != "host" && !is_forbidden(name)) {
            fields.push_back(field_of(name, value));
        }
        if (name == "content-type") is_grpc = value.starts_with("application/grpc");
    }
    body = rest.substr(kLineEnd.size());
    if (!is_grpc) return true;
    std::erase_if(fields, [](const nghttp2_nv& field) { return text_of(field.name, field.namelen) == "content-length"; });
    fields.push_back(field_of("te", "trailers"));
    return true;
}

}  // namespace leakline::http
