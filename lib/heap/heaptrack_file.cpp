#include "heap/internal/heaptrack_file.hpp"

#include <fmt/format.h>

#include "base/strings.hpp"
#include "heap/internal/interpreted_recording.hpp"
#include "heap/internal/raw_recording.hpp"
#include "heap/internal/read_ahead.hpp"
#include "heap/internal/symbols.hpp"
#include "heap/tracker.hpp"

namespace leakline::heap {

namespace {

// Feeds a recording (raw or interpreted) from a source; reports how the source ended.
template <class Recording>
void pump(ByteSource& content, ReadAhead::Threads threads, const std::string& name, Recording& recording, HeapProfile& profile) {
    ReadAhead lines(content, threads);
    std::uint64_t skipped = 0;
    for (;;) {
        const std::string_view run = lines.next();
        if (lines.skipped() != skipped) {
            skipped = lines.skipped();
            recording.left_out();
        }
        if (run.empty()) break;
        recording.take(run);
    }
    recording.finish(lines.rest());
    if (content.end() == StreamEnd::truncated)
        profile.damage.add(name, fmt::format("the {} data ends too early: it is truncated, or still being written", content.encoding()));
    if (content.end() == StreamEnd::damaged)
        profile.damage.add(name, fmt::format("the {} data is damaged; nothing after that place was read", content.encoding()));
}

ReadAhead::Threads threads_of(const ReadOptions& options) {
    return options.threads > 1 ? ReadAhead::Threads::two : ReadAhead::Threads::one;
}

}  // namespace

HeaptrackKind heaptrack_kind(std::string_view head) {
    if (!head.starts_with("v ")) return HeaptrackKind::none;
    while (!head.empty()) {
        // The arguments may hold line ends, and what is behind those looks like anything: go on at the record after them.
        if (const std::size_t system = head.find("\nI "); head[0] == 'X' && system != std::string_view::npos)
            head.remove_prefix(system + 1);
        const std::string_view line = take_line(head);
        const char type = line.empty() ? '#' : line[0];
        if (type == 'x' || type == 'm') return HeaptrackKind::raw;
        if (type == 's' || type == 'i' || type == 'a') return HeaptrackKind::interpreted;
    }
    return HeaptrackKind::interpreted;
}

HeapProfile read_interpreted(ByteSource& content, const std::string& name, const ReadOptions& options) {
    HeapProfile profile;
    InterpretedRecording recording({options.mark_interval, options.max_marks, name}, profile);
    pump(content, threads_of(options), name, recording, profile);
    const bool whole = content.end() == StreamEnd::clean;
    const bool ends_whole = recording.has_trailer() || (recording.is_export() && profile.damage.empty());
    if (whole && ends_whole)
        profile.completeness = Completeness::complete;
    else
        profile.completeness = recording.ends_with_tick() ? Completeness::final_tick : Completeness::torn;
    return profile;
}

HeapProfile read_raw(ByteSource& content, const std::string& name, const ReadOptions& options) {
    HeapProfile profile;
    BoundedMarks marks(profile.marks);
    RawRecording* slow = nullptr;
    RawRecording recording({options.mark_interval, options.max_marks, name}, [&](HeapMark mark) {
        if (marks.add(std::move(mark))) slow->slow_down();
    });
    slow = &recording;
    pump(content, threads_of(options), name, recording, profile);

    const SymbolFeed& feed = recording.symbols();
    Symbols symbols = find_symbols(feed, find_interpreter());
    profile.source = fmt::format("heaptrack {}.{}.{} (raw, format {})", feed.heaptrack_version >> 16 & 0xff,
                                 feed.heaptrack_version >> 8 & 0xff, feed.heaptrack_version & 0xff, feed.format);
    profile.command = recording.command();
    profile.named_here = true;
    profile.suppressions = recording.suppressions();
    profile.duration = recording.now();
    profile.attached = recording.attached();
    profile.strings = std::move(symbols.strings);
    profile.frames = std::move(symbols.frames);
    profile.ips = std::move(symbols.ips);
    profile.traces = recording.traces();
    profile.rss = recording.rss();
    profile.events = recording.events();
    profile.peak_bytes = recording.live_bytes().peak();
    profile.peak_at = recording.live_bytes().peak_at();
    profile.peak = recording.live_bytes().peak_costs();
    profile.damage.merge(recording.damage());
    if (!symbols.problem.empty()) profile.warnings.push_back(symbols.problem);
    // A raw stream has no trailer: its exit handler's last words are a tick.
    if (!recording.ends_with_tick())
        profile.completeness = Completeness::torn;
    else if (content.end() != StreamEnd::clean)
        profile.completeness = Completeness::final_tick;
    return profile;
}

}  // namespace leakline::heap
