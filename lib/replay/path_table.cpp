#include "replay/path_table.hpp"

#include <algorithm>

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

// What is known of a folder's entries.
struct Entries {
    std::map<std::string, std::uint64_t> requests;

    bool are_identifiers() const {
        constexpr std::size_t kLeast = 9, kLeastOfRare = 33, kRare = 3;
        constexpr double kWithDigits = 0.8, kMostlyRare = 0.5;
        const auto share = [&](const auto& has) {
            return static_cast<double>(std::count_if(requests.begin(), requests.end(), has)) / static_cast<double>(requests.size());
        };
        if (requests.size() < kLeast) return false;
        if (share([](const auto& entry) { return std::any_of(entry.first.begin(), entry.first.end(), is_digit); }) >= kWithDigits)
            return true;
        return requests.size() >= kLeastOfRare &&
               share([](const std::pair<const std::string, std::uint64_t>& entry) { return entry.second <= kRare; }) >= kMostlyRare;
    }
};

}  // namespace

VariableSegments::VariableSegments(const std::map<std::string, std::uint64_t>& requests) {
    for (;;) {
        std::map<std::string, std::uint64_t> names;
        for (const auto& [path, count] : requests) names[PathTable::normalized(path, this)] += count;
        if (names.size() <= PathTable::kLimit) return;
        std::map<std::string, Entries> folders;
        for (const auto& [path, count] : names)
            for (std::size_t begin = path.find('/'); begin != path.npos; begin = path.find('/', begin + 1)) {
                const std::size_t end = std::min(path.find('/', begin + 1), path.size());
                const std::string entry = path.substr(begin + 1, end - begin - 1);
                if (entry != "*" && !entry.empty()) folders[path.substr(0, begin + 1)].requests[entry] += count;
            }
        // All of one depth at a time, that of the largest: a log may have thousands of them.
        const auto depth_of = [](std::string_view folder) { return std::count(folder.begin(), folder.end(), '/'); };
        std::size_t entries = 0;
        std::ptrdiff_t depth = 0;
        std::vector<const std::string*> variable;
        for (const auto& [folder, of_folder] : folders) {
            if (!of_folder.are_identifiers()) continue;
            variable.push_back(&folder);
            if (of_folder.requests.size() <= entries) continue;
            entries = of_folder.requests.size();
            depth = depth_of(folder);
        }
        if (variable.empty()) return;
        for (const std::string* folder : variable)
            if (depth_of(*folder) == depth) folders_.insert(*folder);
    }
}

std::string PathTable::normalized(std::string_view target, const VariableSegments* variable) {
    std::string_view path = target.substr(0, target.find_first_of("?#"));
    std::string result;
    while (!path.empty()) {
        const std::size_t end = path.find('/');
        const std::string_view segment = path.substr(0, end);
        if (is_identifier(segment) || (variable != nullptr && !segment.empty() && variable->after(result)))
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
    key_.assign(method).append(" ").append(normalized(path, variable_.get()));
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
