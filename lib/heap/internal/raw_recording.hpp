// Aggregates the output of heaptrack's preloaded library ("raw") as it arrives: bytes in, marks out.
//
//   v <heaptrack version> <format>            X <command line, any text>  I <page size> <physical pages>
//   x <len> <path of the executable>          A (attached)                S <suppression>
//   m <len> <module> <base> (<vaddr> <size>)* (module "x" = the executable; "m 1 -" = forget all modules)
//   t <address> <parent trace>                + <size> <trace> <pointer>  - <pointer>
//   c <milliseconds>                          R <resident pages>          #... or empty: ignored
//
// Numbers are hexadecimal; formats 1 and 2 write strings without their length.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/quantities.hpp"
#include "heap/internal/command_record.hpp"
#include "heap/internal/live_blocks.hpp"
#include "heap/internal/live_bytes.hpp"
#include "heap/internal/mark_schedule.hpp"
#include "heap/internal/raw_events.hpp"
#include "model/heap.hpp"

namespace leakline::heap {

// Data to name the addresses in a recording: the modules and their places when an address was first seen.
//
// Ids in memory are one more than those in the stream: the first trace is the one without any call (the tracker could
// not unwind), the first address is that of no code, so that every trace has an address and every id leads somewhere.
struct SymbolFeed {
    struct ModuleTable {
        std::uint32_t first_ip = 0;  // 0-based: in force for this address and those after it
        std::string lines;           // m records as format 3 has them, without the "m 1 -" before them
    };
    std::uint64_t heaptrack_version = 0, format = 0;
    std::string executable;
    std::vector<std::uint64_t> addresses;  // IpId n is addresses[n - 1]
    struct Named {
        IpId ip;  // at an address that no code has
        std::string function, file;
        std::uint32_t line = 0;
    };
    std::vector<Named> named;     // what has a name, instead of code: functions of Python, and processes ("nginx, child of 1230, pid 1234")
    std::vector<IpId> processes;  // the outermost frames of their stacks, if they are told apart
    std::vector<ModuleTable> modules;
    std::vector<std::string> roots;  // folders that stand for "/" in modules' paths: of processes in containers
};

// The current tables of a recording, by reference.
struct RecordedTables {
    const SymbolFeed& symbols;
    const std::vector<TraceNode>& traces;
    const std::vector<RssPoint>& rss;
    const std::string& command;
    bool attached = false;
    std::uint64_t events = 0;  // allocations and frees
    std::optional<Sampling> sampling = std::nullopt;
};

struct RecordedPeak {
    Bytes bytes = 0;
    Nanoseconds at{};
    std::vector<TraceCost> costs;  // live bytes and blocks of each trace (index id - 1); may be shorter
};

class RawRecording {
  public:
    struct Options {
        Nanoseconds mark_interval = std::chrono::seconds(1);
        std::size_t max_marks = 600;
        std::string name = "raw stream";  // name for places of damage
    };

    // on_mark is called from take() and finish(), in the order of time.
    RawRecording(Options options, std::function<void(HeapMark)> on_mark);

    // Whole lines, from a LineBuffer or a ReadAhead (their margins are read).
    void take(std::string_view lines);
    // A line that was too long was skipped here.
    void left_out();
    // The end of the stream, and the bytes after the last line end.
    void finish(std::string_view rest);
    // Requests a mark at the first tick at or after mark.at (in the recording's time), else at the end.
    void request_mark(MarkSchedule::Requested mark) { schedule_.request_mark(std::move(mark)); }
    // Halves the number of interval marks from now on.
    void slow_down() { schedule_.slow_down(); }
    std::size_t pending_marks() const { return schedule_.pending(); }

    RecordedTables tables() const { return {symbols_, traces_, rss_, command_.text(), attached_, events_}; }
    RecordedPeak peak() const { return {live_bytes_.peak(), live_bytes_.peak_at(), live_bytes_.peak_costs()}; }
    const SymbolFeed& symbols() const { return symbols_; }
    const std::vector<TraceNode>& traces() const { return traces_; }
    const std::vector<RssPoint>& rss() const { return rss_; }
    const LiveBytes& live_bytes() const { return live_bytes_; }
    const std::string& command() const { return command_.text(); }
    const std::vector<std::string>& suppressions() const { return suppressions_; }
    Diagnostics& damage() { return damage_; }
    bool attached() const { return attached_; }
    bool started() const { return symbols_.format != 0; }  // the first record was seen and is one of heaptrack's
    std::uint64_t events() const { return events_; }
    Nanoseconds now() const { return now_; }
    // The longest time between ticks of late (it decays): nominally 10 ms, more on a busy machine.
    Nanoseconds tick_gap() const { return tick_gap_; }
    // The last whole record was a timer tick, as it is when the tracked process ended by itself.
    bool ends_with_tick() const { return last_tick_ && !torn_; }
    bool torn() const { return torn_; }

  private:
    static constexpr std::size_t kBatch = 64;

    void other_line(std::string_view line);
    bool other_record(char type, std::string_view line);
    bool trace_record(std::string_view line);
    bool module_record(std::string_view line);
    void apply_events();
    void tick(Nanoseconds at);
    void resident(Bytes bytes);
    void mark(MarkSchedule::Requested requested);
    IpId ip_of(std::uint64_t address);
    std::uint32_t last_trace() const { return static_cast<std::uint32_t>(traces_.size()); }

    Options options_;
    std::function<void(HeapMark)> on_mark_;
    RawEvents events_in_;
    std::array<RawEvent, kBatch> batch_;  // parsed, not yet applied: their places in blocks_ are on the way to the cache
    std::size_t batched_ = 0;

    SymbolFeed symbols_;
    std::string module_lines_;  // the table that is in force, or being sent
    bool modules_changed_ = false;
    std::unordered_map<std::uint64_t, std::uint32_t> ip_ids_;
    std::vector<TraceNode> traces_;
    LiveBytes live_bytes_;
    LiveBlocks blocks_;
    MarkSchedule schedule_;
    RssTicks rss_ticks_;
    std::vector<RssPoint> rss_;
    CommandRecord command_;
    std::vector<std::string> suppressions_;
    Bytes page_size_ = 4096;
    std::optional<Bytes> resident_;
    Nanoseconds now_{}, tick_gap_ = std::chrono::milliseconds(10);
    std::uint64_t events_ = 0, lines_ = 0;
    bool attached_ = false, started_mark_ = false, last_tick_ = false, torn_ = false;
    bool another_ = false;  // recording follows in the same file
    Diagnostics damage_;
};

}  // namespace leakline::heap
