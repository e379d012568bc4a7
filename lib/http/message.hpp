// Messages as the server's handlers see them, and reason phrases. Plain data and pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leakline::http {

struct Header {
    std::string name, value;
};

// A whole request. What the spans and views point to belongs to the server and is valid until the handler returns.
struct ServerRequest {
    std::string_view method;          // as sent: "POST"
    std::string_view target;          // as sent: path and query, percent-encoded
    std::span<const Header> headers;  // in the order sent, names as sent
    std::string_view body;            // chunks already joined

    // The first header of that name (any case), or nothing ("").
    std::string_view header(std::string_view name) const;
    std::string_view path() const;  // the target before '?'
};

struct Response {
    int status = 200;
    std::string body;
    std::string_view content_type = "application/json";  // a literal; empty: no such field
    std::vector<std::pair<std::string, std::string>> headers;
};

// "Not Found" for 404; "Unknown" for codes without a standard phrase.
std::string_view reason_phrase(int status);

// Decodes %XX (and leaves '+' alone, as in a path). A '%' without two hex digits stands for itself.
std::string percent_decoded(std::string_view text);
// Appends %XX.
void append_percent_encoded(std::string& out, char c);
// All but RFC 3986's unreserved characters as %XX.
std::string percent_encoded(std::string_view text);

// {"error": message} with that status.
Response error_response(int status, std::string_view message);

}  // namespace leakline::http
