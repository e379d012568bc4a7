// What must hold of a heap profile, whatever bytes it was read from.
#pragma once

#include <cstdlib>

#include "model/heap.hpp"
#include "require.hpp"

namespace leakline::fuzz {

inline void check_profile(const HeapProfile& profile) {
    const auto string_ok = [&](StringId id) { return id.value <= profile.strings.size(); };
    for (const Frame& frame : profile.frames) require(string_ok(frame.function) && string_ok(frame.file));
    for (const InstructionPointer& ip : profile.ips) {
        require(string_ok(ip.module));
        require(ip.first_frame <= profile.frames.size() && ip.frame_count <= profile.frames.size() - ip.first_frame);
    }
    for (std::size_t i = 0; i < profile.traces.size(); ++i) {
        require(profile.traces[i].ip.value >= 1 && profile.traces[i].ip.value <= profile.ips.size());
        require(profile.traces[i].parent.value <= i);
    }
    require(profile.peak.empty() || profile.peak.size() == profile.traces.size());
    Nanoseconds before{};
    for (const HeapMark& mark : profile.marks) {
        require(mark.at >= before);
        before = mark.at;
        TraceId last;
        for (const HeapMark::Change& change : mark.changes) {
            require(last < change.trace && change.trace.value <= profile.traces.size());
            last = change.trace;
        }
    }
}

// The readers name addresses with a program; here there is none.
inline const bool kNoInterpreter = ::setenv("LEAKLINE_HEAPTRACK_DIR", "/nonexistent", 1) == 0;

}  // namespace leakline::fuzz
