// Heads of requests that are refused because two programs in a row could read different requests from them (request smuggling;
// RFC 9112, sections 3.2, 6.1 and 6.3). Internal to the server and the recording proxy. One object per request.
#pragma once

#include <utility>  // Boost 1.74 with GCC 12 in C++20 needs it before any asio header

#include <boost/beast/http/field.hpp>
#include <optional>
#include <string_view>

#include "base/ascii.hpp"
#include "base/strings.hpp"

namespace leakline::http {

struct Refusal {
    int status = 400;
    std::string_view reason;  // a literal
};

class HeadRules {
  public:
    // Each field, in any order.
    void see(boost::beast::http::field name, std::string_view value) {
        using boost::beast::http::field;
        if (name == field::host)
            ++hosts_;
        else if (name == field::content_length)
            ++lengths_;
        else if (name == field::transfer_encoding) {
            ++encodings_;
            chunked_ = equal_ignoring_case(trim(value), "chunked");
        }
    }
    // After all fields. Nothing: the head is accepted.
    std::optional<Refusal> refusal(bool http_1_1) const {
        if (const auto encoding = encoding_refusal(http_1_1)) return encoding;
        if (lengths_ > 1) return Refusal{400, "more than one Content-Length"};
        if (hosts_ > 1 || (hosts_ == 0 && http_1_1)) return Refusal{400, hosts_ == 0 ? "no Host" : "more than one Host"};
        return std::nullopt;
    }

    // The rules that apply to responses too.
    std::optional<Refusal> encoding_refusal(bool http_1_1) const {
        if (encodings_ > 0 && !http_1_1) return Refusal{400, "HTTP/1.0 has no Transfer-Encoding"};
        if (encodings_ > 0 && lengths_ > 0) return Refusal{400, "both a Content-Length and a Transfer-Encoding"};
        if (encodings_ > 1 || (encodings_ == 1 && !chunked_)) return Refusal{501, "chunked is the only supported Transfer-Encoding"};
        return std::nullopt;
    }

  private:
    int hosts_ = 0, lengths_ = 0, encodings_ = 0;
    bool chunked_ = false;
};

}  // namespace leakline::http
