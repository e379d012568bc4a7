#include "replay/internal/method.hpp"

#include "base/ascii.hpp"

namespace leakline::replay {

std::string_view standard_method(std::string_view method) {
    constexpr std::string_view kStandard[] = {"GET",   "HEAD",     "POST",      "PUT",  "PATCH", "DELETE", "OPTIONS", "TRACE",  "CONNECT",
                                              "MKCOL", "PROPFIND", "PROPPATCH", "COPY", "MOVE",  "LOCK",   "UNLOCK",  "REPORT", "SEARCH"};
    for (const std::string_view standard : kStandard)
        if (equal_ignoring_case(method, standard)) return standard;
    return method;
}

bool takes_body(std::string_view method) {
    method = standard_method(method);
    return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace leakline::replay
