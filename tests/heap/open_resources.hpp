// What a recording of the agent counts besides bytes.
#pragma once

#include <map>
#include <string>

#include "model/heap.hpp"

namespace leakline::test {

// By function, without its namespace: what is open at a mark. Each trace counts for its innermost function in the file.
inline std::map<std::string, std::uint64_t> open_at(const HeapProfile& profile, std::size_t mark, Resource resource,
                                                    const std::string& file) {
    std::map<std::uint32_t, std::uint64_t> by_trace;
    for (std::size_t m = 0; m <= mark; ++m)
        for (const HeapMark::Open& open : profile.marks[m].open)
            if (open.resource == resource) by_trace[open.trace.value] = open.count;
    std::map<std::string, std::uint64_t> by_function;
    for (const auto& [trace, count] : by_trace) {
        std::string innermost;
        for (TraceId at{trace}; at && innermost.empty(); at = profile.traces[at.value - 1].parent) {
            const InstructionPointer& ip = profile.ips[profile.traces[at.value - 1].ip.value - 1];
            for (std::uint32_t i = 0; i < ip.frame_count && innermost.empty(); ++i)
                if (profile.string(profile.frames[ip.first_frame + i].file).ends_with(file))
                    innermost = profile.string(profile.frames[ip.first_frame + i].function);
        }
        const std::size_t begin = innermost.rfind("::");
        if (begin != innermost.npos) innermost.erase(0, begin + 2);
        if (count > 0) by_function[innermost.substr(0, innermost.find('('))] += count;
    }
    return by_function;
}

}  // namespace leakline::test
