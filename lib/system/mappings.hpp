// The mappings of a process, from /proc/PID/maps. Pure.
//
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leakline {

struct Mapping {
    std::uint64_t begin = 0, end = 0;
    bool readable = false, writable = false, executable = false, shared = false;
    std::uint64_t offset = 0;       // in its file
    unsigned major = 0, minor = 0;  // the device of its file
    std::uint64_t inode = 0;        // 0: anonymous
    std::string path;               // of its file; "[heap]" and others by the kernel's name; empty: anonymous

    std::uint64_t size() const { return end - begin; }
    bool is_file() const { return path.starts_with('/'); }
    bool is_anonymous() const { return path.empty() || path.starts_with("[anon"); }  // with a name by prctl(2)
};

// Lines that do not have the form are left out, and those that do not follow the mapping before by address.
std::vector<Mapping> parse_mappings(std::string_view maps);

}  // namespace leakline
