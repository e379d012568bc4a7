#include "replay/path_table.hpp"

#include "base/ascii.hpp"

namespace leakline::replay {

namespace {

// A number; or at least 8 hexadecimal digits and hyphens with a digit among them, as UUIDs and object ids are.
bool is_identifier(std::string_view segment) {
    bool digits_only = !segment.empty(), hexadecimal = segment.size() >= 8, has_digit = false;
    for (const char c : segment) {
        const bool digit = is_digit(c);
        has_digit = has_digit || digit;
        digits_only = digits_only && digit;
        hexadecimal = hexadecimal && (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '-');
    }
    return digits_only || (hexadecimal && has_digit);
}

}  // namespace

std::string PathTable::normalized(std::string_view target) {
    std::string_view path = target.substr(0, target.find_first_of("?#"));
    std::string result;
    while (!path.empty()) {
        const std::size_t end = path.find('/');
        const std::string_view segment = path.substr(0, end);
        if (is_identifier(segment))
            result += '*';
        else
            result += segment;
        if (end == path.npos) break;
        result += '/';
        path.remove_prefix(end + 1);
    }
    return result;
}

std::uint16_t PathTable::intern(std::string_view method, std::string_view target) {
    // Most records have the path of the previous one.
    const std::string_view path = target.substr(0, target.find('?'));
    if (!names_.empty() && path == last_target_ && method == last_method_) return last_;
    last_method_ = method;
    last_target_ = path;
    key_.assign(method).append(" ").append(normalized(path));
    const auto found = numbers_.find(key_);
    if (found != numbers_.end()) return last_ = found->second;
    if (names_.size() == kLimit) {
        names_.emplace_back("other");
        return last_ = kLimit;
    }
    if (names_.size() > kLimit) return last_ = kLimit;
    last_ = static_cast<std::uint16_t>(names_.size());
    names_.push_back(key_);
    numbers_.emplace(key_, last_);
    return last_;
}

}  // namespace leakline::replay
