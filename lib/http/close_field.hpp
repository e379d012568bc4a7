// Whether a header ends its connection.
#pragma once

#include <string_view>

#include "base/ascii.hpp"
#include "base/strings.hpp"

namespace leakline::http {

// "Connection: close", among others that it may name (RFC 9110, section 7.6.1).
inline bool says_close(std::string_view name, std::string_view value) {
    if (name.size() != 10 || !equal_ignoring_case(name, "connection")) return false;
    for (const std::string_view word : split(value, ','))
        if (equal_ignoring_case(trim(word), "close")) return true;
    return false;
}

}  // namespace leakline::http
