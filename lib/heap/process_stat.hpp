// Numbers of /proc/PID/stat.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>

#include "base/file.hpp"

namespace leakline::heap {

// A field by its number in proc(5), from 4 on (those before are no numbers); 0 where the process is gone.
inline std::uint64_t stat_field(int pid, int field) {
    const auto text = read_small_file(fmt::format("/proc/{}/stat", pid));
    std::size_t at = text ? text->rfind(") ") : std::string::npos;  // behind the name, which can hold anything
    if (at == std::string::npos) return 0;
    at += 2;
    for (int here = 3; here < field; ++here) {
        at = text->find(' ', at);
        if (at == std::string::npos) return 0;
        ++at;
    }
    return std::strtoull(text->c_str() + at, nullptr, 10);
}

}  // namespace leakline::heap
