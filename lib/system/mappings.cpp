#include "system/mappings.hpp"

#include <charconv>

#include "base/strings.hpp"
#include "system/procfs.hpp"

namespace leakline {

namespace {

// Takes a number and the character behind it off text.
template <class Number>
bool take(std::string_view& text, Number& value, int base, char behind) {
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    const auto length = static_cast<std::size_t>(end - text.data());
    if (failed != std::errc{} || length >= text.size() || text[length] != behind) return false;
    text.remove_prefix(length + 1);
    return true;
}

// 7f01c4000000-7f01c4021000 rw-p 001d0000 fe:00 1234   /usr/lib/x86_64-linux-gnu/libc.so.6
std::optional<Mapping> parse_mapping(std::string_view line) {
    Mapping mapping;
    if (!take(line, mapping.begin, 16, '-') || !take(line, mapping.end, 16, ' ') || mapping.end <= mapping.begin) return std::nullopt;
    if (line.size() < 5 || line[4] != ' ') return std::nullopt;
    mapping.readable = line[0] == 'r';
    mapping.writable = line[1] == 'w';
    mapping.executable = line[2] == 'x';
    mapping.shared = line[3] == 's';
    line.remove_prefix(5);
    if (!take(line, mapping.offset, 16, ' ') || !take(line, mapping.major, 16, ':') || !take(line, mapping.minor, 16, ' '))
        return std::nullopt;
    const std::size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
    mapping.inode = parse_number(line.substr(0, digits)).value_or(0);
    line.remove_prefix(digits);
    mapping.path = trim(line);
    return mapping;
}

}  // namespace

std::vector<Mapping> parse_mappings(std::string_view maps) {
    std::vector<Mapping> mappings;
    while (!maps.empty()) {
        auto mapping = parse_mapping(take_line(maps));
        if (mapping && (mappings.empty() || mapping->begin >= mappings.back().end)) mappings.push_back(std::move(*mapping));
    }
    return mappings;
}

}  // namespace leakline
