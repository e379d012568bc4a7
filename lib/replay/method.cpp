#include "replay/internal/method.hpp"

#include <algorithm>
#include <iterator>

#include "base/ascii.hpp"

namespace leakline::replay {

namespace {

constexpr std::string_view kStandard[] = {"GET",   "HEAD",     "POST",      "PUT",  "PATCH", "DELETE", "OPTIONS", "TRACE",  "CONNECT",
                                          "MKCOL", "PROPFIND", "PROPPATCH", "COPY", "MOVE",  "LOCK",   "UNLOCK",  "REPORT", "SEARCH"};

}  // namespace

bool is_known_method(std::string_view method) {
    return std::find(std::begin(kStandard), std::end(kStandard), method) != std::end(kStandard);
}

std::string_view standard_method(std::string_view method) {
    for (const std::string_view standard : kStandard)
        if (equal_ignoring_case(method, standard)) return standard;
    return method;
}

bool takes_body(std::string_view method) {
    method = standard_method(method);
    return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace leakline::replay
