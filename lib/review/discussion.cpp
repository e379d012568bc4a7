#include "review/discussion.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "http/url.hpp"

namespace leakline::review {

namespace {

constexpr System kSystems[] = {
    {"github", [](const Environment& environment) { return environment("GITHUB_ACTIONS") == "true"; }, find_github_discussion},
    {"gitlab", [](const Environment& environment) { return environment("GITLAB_CI") == "true"; }, find_gitlab_discussion},
};

}  // namespace

std::span<const System> systems() { return kSystems; }

std::string set_variable(const Environment& environment, const char* name, const std::string& hint) {
    std::string value(trim(environment(name)));
    if (value.empty()) throw Error(ErrorKind::usage, name, "the variable is not set", hint);
    return value;
}

std::string required_variable(const Environment& environment, const char* name, std::string_view accepted) {
    std::string value = set_variable(environment, name, "CI systems set it in their jobs");
    const bool good = std::all_of(value.begin(), value.end(),
                                  [&](char c) { return is_letter(c) || is_digit(c) || accepted.find(c) != std::string_view::npos; });
    if (!good) throw Error(ErrorKind::usage, name, fmt::format("'{}' is not what CI systems set it to", printable(value)));
    return value;
}

std::string api_address(const Environment& environment, const char* name, const std::string& fallback) {
    std::string address = environment(name);
    if (address.empty()) address = fallback;
    if (!address.starts_with("https://") && !address.starts_with("http://"))
        throw Error(ErrorKind::usage, name, "needs an https:// or http:// address");
    http::parse_url(address);
    while (address.ends_with('/')) address.pop_back();
    return address;
}

}  // namespace leakline::review
