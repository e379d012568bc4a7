#include <fmt/format.h>

#include "base/strings.hpp"
#include "heap/internal/record_stream.hpp"
#include "heap/internal/recording_builder.hpp"
#include "heap/internal/recording_file.hpp"
#include "heap/tracker.hpp"

namespace leakline::heap {

namespace {

// A recording that is still being written, or was cut off, has no peak of its own: the highest mark is a lower bound.
void take_peak_from_marks(HeapProfile& profile) {
    std::vector<TraceCost> costs(profile.traces.size());
    std::uint64_t live = 0;  // wraps where a damaged file says so
    for (const HeapMark& mark : profile.marks) {
        for (const HeapMark::Change& change : mark.changes) {
            TraceCost& cost = costs[change.trace.value - 1];
            live += static_cast<std::uint64_t>(change.cost.live_bytes) - static_cast<std::uint64_t>(cost.live_bytes);
            cost = change.cost;
        }
        if (static_cast<std::int64_t>(live) <= static_cast<std::int64_t>(profile.peak_bytes)) continue;
        profile.peak_bytes = live;
        profile.peak_at = mark.at;
        profile.peak = costs;
    }
    for (TraceCost& cost : profile.peak) cost.allocations = cost.allocated_bytes = 0;
    profile.warnings.push_back("its end is missing, and its peak with it: the peak given is the highest of its marks");
}

}  // namespace

HeapProfile read_recording(ByteSource& content, const std::string& name) {
    HeapProfile profile;
    profile.source = "leakline recording (format 1)";
    RecordingBuilder builder(profile);
    RecordStream stream(content);
    char tag = 0;
    std::string payload;
    std::uint64_t records = 0;
    while (stream.next(tag, payload)) {
        ++records;
        if (builder.apply(tag, payload)) {
            if (!builder.ended()) continue;
            if (!stream.at_end() || content.end() == StreamEnd::damaged)
                profile.damage.add(fmt::format("{}: after record {}", name, records),
                                   "more data follows after the recording's end; it was not read");
            break;
        }
        profile.damage.add(fmt::format("{}: record {}", name, records),
                           fmt::format("an invalid '{}' record; nothing after it was read", printable(std::string(1, tag))));
        profile.completeness = Completeness::torn;
        break;
    }
    if (!profile.peak.empty()) profile.peak.resize(profile.traces.size());
    const bool cut = builder.ended() ? content.end() == StreamEnd::truncated : stream.torn() || content.end() != StreamEnd::clean;
    if (!builder.ended() || cut) {
        // Marks are whole frames: what is there is good, and something is missing after it.
        profile.completeness = Completeness::torn;
        if (cut) profile.damage.add(fmt::format("{}: after record {}", name, records), "the recording is truncated here");
    }
    if (!builder.ended() && profile.peak.empty() && !profile.marks.empty()) take_peak_from_marks(profile);
    if (!builder.named() && !profile.ips.empty()) {
        profile.named_here = true;
        Symbols symbols = find_symbols(builder.symbols(), find_interpreter());
        profile.strings = std::move(symbols.strings);
        profile.frames = std::move(symbols.frames);
        profile.ips = std::move(symbols.ips);
        if (!symbols.problem.empty()) profile.warnings.push_back(symbols.problem);
    }
    return profile;
}

}  // namespace leakline::heap
