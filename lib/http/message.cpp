#include "http/message.hpp"

#include "base/ascii.hpp"
#include "base/json_text.hpp"

namespace leakline::http {

std::string_view ServerRequest::header(std::string_view name) const {
    for (const Header& header : headers)
        if (equal_ignoring_case(header.name, name)) return header.value;
    return {};
}

std::string_view ServerRequest::path() const { return target.substr(0, target.find('?')); }

std::string_view reason_phrase(int status) {
    switch (status) {
        case 200: return "OK";
        case 201: return "Created";
        case 202: return "Accepted";
        case 204: return "No Content";
        case 400: return "Bad Request";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 408: return "Request Timeout";
        case 413: return "Payload Too Large";
        case 414: return "URI Too Long";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 503: return "Service Unavailable";
        default: return "Unknown";
    }
}

std::string percent_decoded(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size()) {
            const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
            if (high >= 0 && low >= 0) {
                out += static_cast<char>(high * 16 + low);
                i += 2;
                continue;
            }
        }
        out += text[i];
    }
    return out;
}

void append_percent_encoded(std::string& out, char c) {
    constexpr char kHex[] = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', kHex[byte >> 4], kHex[byte & 15]};
}

std::string percent_encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain)
            out += c;
        else
            append_percent_encoded(out, c);
    }
    return out;
}

Response error_response(int status, std::string_view message) {
    Response response;
    response.status = status;
    response.body = "{\"error\":";
    append_json_string(response.body, message);
    response.body += "}\n";
    return response;
}

}  // namespace leakline::http
