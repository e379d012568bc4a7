#include "replay/internal/cookie_jar.hpp"

#include <ctime>

#include <algorithm>
#include <charconv>

#include "base/ascii.hpp"
#include "base/strings.hpp"

namespace leakline::replay {

namespace {

std::string_view path_in(std::string_view target) { return target.substr(0, target.find('?')); }

// RFC 6265, section 5.1.4.
std::string_view default_path(std::string_view target) {
    const std::string_view path = path_in(target);
    const std::size_t slash = path.rfind('/');
    return slash == path.npos || slash == 0 ? "/" : path.substr(0, slash);
}

bool path_matches(std::string_view request, std::string_view cookie) {
    if (!request.starts_with(cookie)) return false;
    return request.size() == cookie.size() || cookie.ends_with('/') || request[cookie.size()] == '/';
}

// "Thu, 01 Jan 1970 00:00:00 GMT", also with hyphens in the date. A date that cannot be read is not over.
bool is_past(std::string_view date) {
    std::string text(trim(date));
    std::replace(text.begin(), text.end(), '-', ' ');
    std::tm fields{};
    if (::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S", &fields) == nullptr) return false;
    return ::timegm(&fields) <= ::time(nullptr);
}

// The name and the value before the attributes.
std::pair<std::string_view, std::string_view> pair_of(std::string_view set_cookie) {
    const std::string_view pair = set_cookie.substr(0, set_cookie.find(';'));
    const std::size_t equals = pair.find('=');
    if (equals == pair.npos) return {};
    return {trim(pair.substr(0, equals)), trim(pair.substr(equals + 1))};
}

bool is_sendable(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

}  // namespace

std::string_view cookie_value(std::string_view set_cookie, std::string_view name) {
    const auto [found, value] = pair_of(set_cookie);
    return found == name ? value : std::string_view();
}

bool CookieJar::set(std::string_view set_cookie, std::string_view request_target) {
    const auto [name, value] = pair_of(set_cookie);
    if (name.empty() || !is_sendable(name) || !is_sendable(value)) return false;
    Cookie cookie{std::string(name), std::string(value), std::string(default_path(request_target))};
    std::string_view attributes = set_cookie.substr(std::min(set_cookie.find(';'), set_cookie.size()));
    bool has_age = false;
    while (!attributes.empty()) {
        attributes.remove_prefix(1);  // the semicolon
        const std::string_view attribute = attributes.substr(0, attributes.find(';'));
        attributes.remove_prefix(attribute.size());
        const std::size_t equals = std::min(attribute.find('='), attribute.size());
        const std::string_view key = trim(attribute.substr(0, equals)),
                               text = trim(attribute.substr(std::min(equals + 1, attribute.size())));
        if (equal_ignoring_case(key, "path") && text.starts_with('/')) {
            cookie.path = text;
        } else if (equal_ignoring_case(key, "max-age")) {
            std::int64_t age = 1;
            std::from_chars(text.data(), text.data() + text.size(), age);
            cookie.deleted = age <= 0;
            has_age = true;
        } else if (equal_ignoring_case(key, "expires") && !has_age) {
            cookie.deleted = is_past(text);
        }
    }
    const auto known = std::find_if(cookies_.begin(), cookies_.end(),
                                    [&](const Cookie& other) { return other.name == cookie.name && other.path == cookie.path; });
    if (known != cookies_.end())
        *known = std::move(cookie);
    else if (cookies_.size() < kMax)
        cookies_.push_back(std::move(cookie));
    return true;
}

// The one with the longest path, as section 5.4 orders them.
const CookieJar::Cookie* CookieJar::find(std::string_view name, std::string_view path) const {
    const Cookie* best = nullptr;
    for (const Cookie& cookie : cookies_)
        if (cookie.name == name && path_matches(path, cookie.path) && (best == nullptr || cookie.path.size() > best->path.size()))
            best = &cookie;
    return best;
}

void CookieJar::append_line(std::string& out, std::string_view request_target, std::string_view recorded) const {
    const std::string_view path = path_in(request_target);
    const std::size_t begin = out.size();
    const auto add = [&](std::string_view name, std::string_view value) {
        out.append(out.size() == begin ? "Cookie: " : "; ").append(name).append("=").append(value);
    };
    std::vector<std::string_view> names;
    for (const std::string_view pair : split(recorded, ';')) {
        const std::size_t equals = pair.find('=');
        if (equals == pair.npos) continue;  // "redacted"
        const std::string_view name = trim(pair.substr(0, equals));
        const Cookie* own = find(name, path);
        names.push_back(name);
        if (own == nullptr)
            add(name, trim(pair.substr(equals + 1)));
        else if (!own->deleted)
            add(name, own->value);
    }
    for (const Cookie& cookie : cookies_)
        if (std::find(names.begin(), names.end(), cookie.name) == names.end() && find(cookie.name, path) == &cookie && !cookie.deleted)
            add(cookie.name, cookie.value);
    if (out.size() != begin) out += "\r\n";
}

std::size_t CookieJar::bytes() const {
    std::size_t sum = 0;
    for (const Cookie& cookie : cookies_) sum += sizeof cookie + cookie.name.size() + cookie.value.size() + cookie.path.size();
    return sum;
}

}  // namespace leakline::replay
