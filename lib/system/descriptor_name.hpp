// Paths that name an open descriptor: "-", "/dev/stdout", "/dev/fd/3" (a shell's >(command)), "/proc/self/fd/3".
// Pure.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace leakline {

// The descriptor that an output path names; nothing for any other path.
inline std::optional<int> descriptor_to_write(std::string_view path) {
    if (path == "-" || path == "/dev/stdout") return 1;
    if (path == "/dev/stderr") return 2;
    for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
        if (!path.starts_with(folder)) continue;
        int number = -1;
        const auto [end, error] = std::from_chars(path.data() + folder.size(), path.data() + path.size(), number);
        if (error == std::errc() && end == path.data() + path.size() && number >= 0) return number;
    }
    return std::nullopt;
}

}  // namespace leakline
