// Recognizes the head of an ordinary response in one pass: HTTP/1.1, whole, with a Content-Length or a status that has
// no body. Most responses that a replay meets are of this kind, and a general parser costs them several times as much.
// All other heads are left to that parser (see response_reader.hpp).
//
// Thread-safety: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace leakline::http {

struct OrdinaryHead {
    std::size_t size = 0;      // with the empty line that ends it
    int status = 0;            // 200 to 999
    std::uint64_t length = 0;  // of the body; 0 for 204 and 304, whatever a Content-Length says
    bool keep_alive = true;
};

// Nothing if bytes do not begin with such a head.
std::optional<OrdinaryHead> ordinary_head(std::string_view bytes);

}  // namespace leakline::http
