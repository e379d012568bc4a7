// Growth of live heap bytes by source line. Plain data, made by analysis from a HeapProfile.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "model/follows.hpp"
#include "model/heap.hpp"
#include "model/holders.hpp"
#include "model/resources.hpp"
#include "model/runtime.hpp"
#include "model/series.hpp"

namespace leakline {

enum class GrowthClass {
    flat,                // no change beyond noise
    linear,              // live bytes grow with time or requests to the end
    container_doubling,  // one block (or a constant few) whose size doubles: a vector that is appended to
    filling_then_flat,   // grew, then held its level: a cache that reached its bound
    sawtooth,            // grows and falls back, without a trend
    shrinking,           // what was live at the start was freed
    unclear,             // too few marks
};
std::string_view growth_class_name(GrowthClass growth_class);  // "linear", "container doubling", ...

enum class GroupBy { line, function, file, process };

struct CodeLine {
    std::string function;    // of the physical or inlined function, from the debug info
    std::string file;        // from the debug info; without it, the program or library; empty if unknown
    std::uint32_t line = 0;  // 0: without debug info
    auto operator<=>(const CodeLine&) const = default;
};

// A caller of a line, and the part of the line's growth that came through it.
struct CallerNode {
    CodeLine at;
    std::int64_t growth_bytes = 0;
    std::vector<CallerNode> callers;  // largest growth first
    std::int64_t growth_blocks = 0;
    std::uint64_t allocations = 0, allocated_bytes = 0;  // within the window
    bool library = false;                                // code of a library or the runtime
};

struct LineGrowth {
    CodeLine at;
    std::string source;             // text of the line, empty where the file could not be read
    std::int64_t growth_bytes = 0;  // live_last - live_first
    // Of a sampled recording: the standard errors of growth_bytes and of live_last_bytes.
    std::optional<double> growth_error_bytes, live_error_bytes;
    std::int64_t live_first_bytes = 0, live_last_bytes = 0, live_peak_bytes = 0;
    std::int64_t live_first_blocks = 0, live_last_blocks = 0;
    // Growth in blocks of the call path below the line that kept most of them: the entries that a container gained. (An entry
    // is often several blocks of one line with different paths: a node, a key, a value.)
    std::int64_t kept_entries = 0;
    // The same from the first request to the window's start, which is the log's first pass, with the standard error of a sampled recording.
    // What the program allocates before it is ready does not count. Not in reports.
    std::int64_t first_entries = 0;
    double first_entries_error = 0;
    // Of live bytes, during the time without requests at the end of the recording. Not in reports.
    std::int64_t idle_growth_bytes = 0;
    std::uint64_t allocations = 0;              // calls within the window
    std::uint64_t allocated_bytes = 0;          // their sizes, summed
    std::optional<Interval> bytes_per_request;  // nothing if growth follows only time
    std::optional<Interval> bytes_per_hour;     // at the pace of the recording
    Follows follows = Follows::unknown;
    std::optional<Interval> bytes_per_hour_by_time;  // the part that follows time
    // If growth follows the number of connections and not that of requests; then the two above depend on how many
    // connections the run opened.
    std::optional<Interval> bytes_per_connection;
    GrowthClass growth_class = GrowthClass::unclear;
    bool leaking = false;           // grows in every round after warm-up, corrected for the number of lines
    std::optional<double> p_value;  // of that growth, adjusted for the number of lines looked at; nothing for
                                    // containers that double, which no test decides
    // If growth_class is container_doubling: bytes used by elements at the window's end. A container that doubles
    // holds between capacity/2 and capacity.
    std::optional<Interval> payload_bytes;
    bool user_code = true;              // not code of a library or the runtime
    std::vector<double> live_at_marks;  // bytes, one per mark of the window; empty if they do not change, and after
                                        // the first LineReport::kDetailed lines
    std::vector<CallerNode> callers;
};

// Of a container that doubles: it is an arena, which adds ever larger blocks and keeps those that it has.
inline bool adds_blocks(const LineGrowth& line) { return line.live_first_blocks > 0 && line.live_last_blocks > line.live_first_blocks; }

// The line to change: the innermost line of user code through which most of the growth passes, with the sum
// of all that passes through it. It is shown in addition to the disjoint lines and does not reduce them: one statement's growth
// is often split over the lines that it calls.
struct HeadlineLine {
    LineGrowth line;            // of all allocations whose stack passes through it; leaking if a line below it leaks
    double share = 0;           // share of the growth of all leaking lines (if there are none, of all that grow), 0 to 1
    std::size_t lines = 1;      // disjoint lines whose growth passes through it
    std::size_t elsewhere = 0;  // lines that leak and do not pass through it
};

// A line that opened descriptors which are still open, or started threads (HeapMark::Open).
struct ResourceLine {
    Resource resource = Resource::descriptors;
    CodeLine at;
    std::string source;                   // as LineGrowth::source
    std::optional<CodeLine> caller;       // the line of user code through which most of the growth came to it
    double growth = 0;                    // over the window
    std::optional<Interval> per_request;  // where requests are known
    bool grows = false;                   // in every round to the end
    std::vector<double> at_marks;         // at the judged marks: the ends of the rounds after the first
};

// The accounting in every report. live_delta == attributed + unattributed holds exactly.
struct Accounting {
    std::int64_t live_delta_bytes = 0;
    std::int64_t attributed_bytes = 0;  // of traces that have a known source line or function
    std::int64_t unattributed_bytes = 0;
    std::optional<std::int64_t> rss_delta_bytes;
    std::optional<std::int64_t> retention_delta_bytes;  // kept by the allocator
    std::optional<std::int64_t> other_delta_bytes;      // rss - live - overhead - retention - file
    // malloc's overhead of the live blocks: header and rounding to 16 bytes, by glibc's rule.
    std::optional<std::int64_t> overhead_delta_bytes = std::nullopt;
    // Pages of mapped files, where they grew by much: the kernel takes them back when memory is short.
    std::optional<std::int64_t> file_delta_bytes = std::nullopt;
    // Of a sampled recording: the standard error of live_delta_bytes.
    std::optional<double> live_delta_error_bytes = std::nullopt;
    // Of a recording of a process that ran before, where malloc itself says what it has handed out: how many bytes of blocks older than the
    // recording were freed in the window. Not in reports.
    std::optional<std::int64_t> older_freed_bytes = std::nullopt;

    // What the kernel cannot take back.
    std::optional<std::int64_t> memory_delta_bytes() const {
        return rss_delta_bytes ? std::optional(*rss_delta_bytes - file_delta_bytes.value_or(0)) : std::nullopt;
    }
};

// Of the whole recording to its end, independent of the window: the summary of heaptrack_print.
struct RecordingTotals {
    std::uint64_t allocations = 0;
    std::int64_t leaked_bytes = 0;  // live in the last state received, after destructors if the process ended by itself
    std::int64_t leaked_blocks = 0;
    std::int64_t suppressed_bytes = 0;  // of the leaked: in blocks that heaptrack_print excludes from its total by default
    Bytes peak_bytes = 0;
    Nanoseconds duration{};
    std::optional<Sampling> sampling = std::nullopt;  // nothing: every block was recorded
};

struct LineCells {
    double usage_bytes = 0, increment_bytes = 0;
    std::uint64_t occurrences = 0;
};

// The table of one function, in memory_profiler's columns (see report/line_table).
struct LineTable {
    // The meaning of the cells. recording: live bytes by the stacks of a heap recording, allocations through the line.
    // observed: the process's memory while the line ran, times it ran.
    enum class Origin { recording, observed };

    struct Row {
        std::uint32_t line = 0;
        std::string text;
        std::optional<LineCells> cells;  // nothing: no allocation passed through the line
    };
    std::string file, function;
    Origin origin = Origin::recording;
    std::vector<Row> rows;  // from the first line of the function to its last
};

struct LineReport {
    static constexpr std::size_t kDetailed = 200;  // lines with callers and with levels at marks

    Nanoseconds window_begin{}, window_end{};  // since the start of the recording
    double idle_seconds = 0;                   // of the time without requests at its end; 0: there was none. Not in reports
    std::vector<double> mark_seconds;          // times of the marks in the window
    std::vector<std::optional<std::uint64_t>> mark_requests;
    GroupBy by = GroupBy::line;
    std::vector<LineGrowth> lines;         // largest growth first; innermost user line of each trace, disjoint
    std::optional<HeadlineLine> headline;  // nothing if no line of user code grows
    // Why lines are missing or incomplete for this program, with an alternative: "lines of Python code cannot be recorded
    // here; ...". Empty if they are complete.
    std::string unavailable;
    Runtime runtime = Runtime::native;  // of the program
    bool attached = false;              // blocks older than the recording are not in it, nor their frees; not in reports
    std::string unconfirmed;            // of an attached recording: why lines that grew may not be growth; empty: they are. Not in reports
    std::vector<LineTable> tables;      // of the functions of the leaking lines
    // Of Python, if the recording has it: what holds most of what the headline allocated, and the types whose objects grew.
    std::optional<HeldBy> held_by;
    std::vector<ObjectType> types;
    std::vector<ResourceLine> resource_lines;  // that grew over the window; largest growth of a resource first, at most eight of each
    Accounting accounting;
    RecordingTotals totals;
    std::string command, completeness;
    std::vector<std::string> warnings;
};
// The line at fault, if it is not known how much of memory's growth the lines explain: the headline line if it leaks, else the first that does;
// null if none does.
const LineGrowth* leaking_line(const LineReport& lines);

}  // namespace leakline
