#include "model/redaction.hpp"

#include <strings.h>

#include <algorithm>
#include <string_view>

namespace leakline {

namespace {

constexpr std::string_view kRedacted = "redacted";

bool is_one_of(std::string_view name, const std::vector<std::string>& names) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& known) {
        return known.size() == name.size() && ::strncasecmp(known.data(), name.data(), name.size()) == 0;
    });
}

// scheme://user:password@host/path
void redact_userinfo(std::string& target) {
    const std::size_t scheme = target.find("://");
    if (scheme == std::string::npos || scheme > target.find_first_of("/?#")) return;
    const std::size_t host = scheme + 3;
    const std::size_t at = target.substr(host, target.find_first_of("/?#", host) - host).rfind('@');
    if (at != std::string::npos) target.replace(host, at, kRedacted);
}

void redact_query(std::string& target, const std::vector<std::string>& names) {
    std::size_t at = target.find('?');
    while (at != std::string::npos && ++at < target.size()) {
        const std::size_t end = std::min(target.find_first_of("&;#", at), target.size());
        const std::size_t equals = target.find('=', at);
        if (equals < end && is_one_of(std::string_view(target).substr(at, equals - at), names)) {
            target.replace(equals + 1, end - equals - 1, kRedacted);
            at = equals + 1 + kRedacted.size();
        } else {
            at = end;
        }
        if (at >= target.size() || target[at] == '#') return;
    }
}

}  // namespace

void Redaction::apply(Request& request) const {
    for (auto& [name, value] : request.headers)
        if (is_one_of(name, headers)) value = kRedacted;
    if (userinfo) redact_userinfo(request.target);
    if (!parameters.empty()) redact_query(request.target, parameters);
}

void Redaction::apply(RecordedResponse& response) const {
    for (auto& [name, value] : response.headers)
        if (is_one_of(name, headers)) value = kRedacted;
}

}  // namespace leakline
