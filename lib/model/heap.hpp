// The content of a heap recording of any format: allocation sites, and how much was live at marks. Plain data.
//
// Size is O(traces + marks x sites changed between marks), never O(events).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "model/holders.hpp"
#include "model/resources.hpp"

namespace leakline {

// Typed ids: 1-based, 0 = none. Code that reads one from a file checks it against the table first.
template <class Tag>
struct Id {
    std::uint32_t value = 0;
    explicit operator bool() const { return value != 0; }
    auto operator<=>(const Id&) const = default;
};
using StringId = Id<struct StringTag>;
using IpId = Id<struct IpTag>;
using TraceId = Id<struct TraceTag>;

// One source position. An instruction pointer has several if calls were inlined.
struct Frame {
    StringId function, file;  // 0 without debug info
    std::uint32_t line = 0;   // 1-based, 0 = unknown
    bool generated = false;   // made by the compiler according to the debug info: an implicit or defaulted member
};

struct InstructionPointer {
    std::uint64_t address = 0;  // of the call: return address - 1
    StringId module;
    std::uint32_t first_frame = 0, frame_count = 0;  // into HeapProfile::frames, innermost (most inlined) first
};

// A call stack, as the path from this node (the innermost call, next to malloc) to the root. parent < own id.
struct TraceNode {
    IpId ip;
    TraceId parent;
};

// Counters of one trace, cumulative from the start of the recording.
struct TraceCost {
    std::uint64_t allocations = 0;      // calls of malloc and related functions
    std::uint64_t allocated_bytes = 0;  // their sizes, summed
    std::int64_t live_bytes = 0;        // allocated, not freed
    std::int64_t live_blocks = 0;
    // Of a sampled recording, where all of the above are estimates: the variance of live_bytes (bytes squared), and the sum over the marks
    // so far of the variances of the blocks allocated or freed since the previous mark.
    double live_variance = 0, turnover_variance = 0;
    bool operator==(const TraceCost&) const = default;
};

// How a recording was sampled: each byte allocated was chosen with probability 1 - exp(-1/interval), and blocks with a chosen
// byte were recorded.
struct Sampling {
    Bytes interval = 1;  // mean distance between samples at the end: it may have grown
    Bytes first_interval = 1;
    std::uint64_t samples = 0;  // blocks
    auto operator<=>(const Sampling&) const = default;
};

// The heap at one moment. Only traces whose cost differs from that at the mark before are listed: the state at mark i
// is, for each trace, its newest entry in marks 0..i.
struct HeapMark {
    enum class Kind {
        start,      // when the recorder first saw the process
        interval,   // at the interval
        round_end,  // requested by the caller: all requests of a round are answered
        finish,     // the last state received
    };
    Kind kind = Kind::interval;
    Nanoseconds at{};                       // since the start of the recording, steady clock
    std::string label;                      // "round 3"
    std::optional<std::uint64_t> requests;  // completed since the start, if the caller knows
    std::optional<Bytes> rss;
    std::optional<Bytes> allocator_in_use, allocator_retained;  // malloc's own figures, if readable
    // malloc's overhead of the live blocks (header and rounding, by glibc's rule);
    // nothing if the sizes of single blocks are not known.
    std::optional<std::int64_t> overhead_bytes;
    struct Change {
        TraceId trace;
        TraceCost cost;
    };
    std::vector<Change> changes;  // sorted by trace
    // By trace: descriptors that it opened and are open, threads that it started and run; as mappings, threads that it started which ended unjoined and
    // keep their stacks. Listed as `changes` are: where the number differs from that at the mark before.
    struct Open {
        Resource resource = Resource::descriptors;
        TraceId trace;
        std::uint64_t count = 0;
        bool operator==(const Open&) const = default;
    };
    std::vector<Open> open;  // sorted by resource and trace
};

struct RssPoint {
    Nanoseconds at{};
    Bytes rss = 0;
};

// How complete the data is, best first; shown in reports.
enum class Completeness {
    complete,    // complete: the recorder's trailer or the process's exit was seen
    final_tick,  // cut after a timestamp: the last milliseconds are missing
    torn,        // cut or damaged in the middle: good up to there
};
std::string_view completeness_name(Completeness completeness);

struct HeapProfile {
    std::string source;                  // "leakline recording", "heaptrack 1.4.0 (format 3)", "heaptrack raw"
    std::string command;                 // as seen by the recorder
    std::optional<Nanoseconds> started;  // wall clock since the epoch, if recorded
    Nanoseconds duration{};
    bool attached = false;             // allocations before the recording are unknown
    std::vector<std::string> strings;  // StringId n is strings[n - 1]
    std::vector<Frame> frames;
    std::vector<InstructionPointer> ips;  // IpId n is ips[n - 1]
    std::vector<TraceNode> traces;        // TraceId n is traces[n - 1]
    // The outermost frames of the stacks of each process, named after it; empty if processes are not recorded separately.
    std::vector<IpId> processes;
    std::vector<HeapMark> marks;  // by time; empty only in an unusable recording
    std::vector<RssPoint> rss;
    std::uint64_t events = 0;  // allocations + frees seen
    Bytes peak_bytes = 0;      // largest sum of live bytes
    Nanoseconds peak_at{};
    std::vector<TraceCost> peak;       // live bytes and blocks per trace (index trace - 1) at the peak; empty: unknown
    std::optional<Sampling> sampling;  // nothing if every block was recorded
    Completeness completeness = Completeness::complete;
    Diagnostics damage;                     // skipped data, with places
    std::vector<std::string> suppressions;  // suppressed leaks, declared by the program itself (LeakSanitizer's patterns)
    std::vector<std::string> warnings;      // warnings for the report: no names, a wrapper, ...
    PythonHolders holders;                  // what Python's variables held at the end, if they were searched
    // The names of files come from programs on this machine, and not from a recording of unknown origin: the
    // files may be read.
    bool named_here = false;

    const std::string& string(StringId id) const;  // "" for 0
};

}  // namespace leakline
