// Recordings as text, and what a profile says in numbers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "heap/internal/heaptrack_file.hpp"
#include "model/heap.hpp"
#include "system/byte_source.hpp"

namespace leakline::test {

// Of a shell that is recorded with heaptrack: stops the process that reads the stream, and fails where there is none. It goes on by
// "kill -CONT $collector".
inline const std::string kStopCollector =
    "collector=${LEAKLINE_FOLLOW:?}; collector=${collector#/proc/}; collector=${collector%%/*}; kill -STOP $collector; ";

inline HeapProfile read_raw_text(const std::string& text, const heap::ReadOptions& options = {}) {
    return heap::read_raw(*memory_source(text), "raw", options);
}
inline HeapProfile read_interpreted_text(const std::string& text, const heap::ReadOptions& options = {}) {
    return heap::read_interpreted(*memory_source(text), "file", options);
}

// The cost of each trace (id as in the file: one less than in memory) after marks 0..last.
inline std::map<std::uint32_t, TraceCost> costs_at(const HeapProfile& profile, std::size_t last) {
    std::map<std::uint32_t, TraceCost> costs;
    for (std::size_t i = 0; i <= last; ++i)
        for (const HeapMark::Change& change : profile.marks[i].changes) costs[change.trace.value - 1] = change.cost;
    return costs;
}

// Whether a stack passes through a function whose name contains this.
inline bool passes_through(const HeapProfile& profile, TraceId trace, std::string_view function) {
    for (TraceId at = trace; at; at = profile.traces[at.value - 1].parent) {
        const InstructionPointer& ip = profile.ips[profile.traces[at.value - 1].ip.value - 1];
        for (std::uint32_t i = 0; i < ip.frame_count; ++i)
            if (profile.string(profile.frames[ip.first_frame + i].function).find(function) != std::string::npos) return true;
    }
    return false;
}

// Summed over the stacks that pass through a function, after marks 0..mark.
inline TraceCost cost_through(const HeapProfile& profile, std::size_t mark, std::string_view function) {
    TraceCost sum;
    for (const auto& [index, cost] : costs_at(profile, mark)) {
        if (!passes_through(profile, TraceId{index + 1}, function)) continue;
        sum.allocations += cost.allocations;
        sum.allocated_bytes += cost.allocated_bytes;
        sum.live_bytes += cost.live_bytes;
        sum.live_blocks += cost.live_blocks;
        sum.live_variance += cost.live_variance;
    }
    return sum;
}

struct Totals {
    std::int64_t leaked = 0;
    std::uint64_t calls = 0, peak = 0;
    bool operator==(const Totals&) const = default;
};
inline Totals totals_of(const HeapProfile& profile) {
    Totals totals;
    for (const auto& [trace, cost] : costs_at(profile, profile.marks.size() - 1)) {
        totals.leaked += cost.live_bytes;
        totals.calls += cost.allocations;
    }
    totals.peak = profile.peak_bytes;
    return totals;
}

}  // namespace leakline::test
