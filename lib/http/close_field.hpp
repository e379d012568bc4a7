// Whether a header closes its connection.
#pragma once

#include <string_view>

#include "base/ascii.hpp"
#include "base/strings.hpp"

namespace leakline::http {

// "Connection: close"; the value may be a list (RFC 9110, section 7.6.1).
inline bool is_connection_close(std::string_view name, std::string_view value) {
    if (name.size() != 10 || !equal_ignoring_case(name, "connection")) return false;
    for (const std::string_view word : split(value, ','))
        if (equal_ignoring_case(trim(word), "close")) return true;
    return false;
}

}  // namespace leakline::http
