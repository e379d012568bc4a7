// What heaptrack's interpreter writes (formats 1 to 3): bytes in, marks out. The hot path of reading a recording.
//
//   v X I A S c R as in raw recordings (raw_recording.hpp); strings, addresses, traces and allocation infos are tables:
//   s <len> <bytes> (formats 1, 2: s <bytes>)     1-based, 0 = empty
//   i <address> <module> [<function> [<file> <line> (<function> <file> <line>)*]]      1-based, innermost frame first
//   t <ip> <parent trace>                         1-based, 0 = root
//   a <size> <trace>                              0-based: a distinct pair
//   + <info>    - <info>                          refer to an `a`
//   "# strings: N", "# ips: N"                    after a clean end
//
// Ids in memory are one more than in the file, see SymbolFeed. Every reference is checked against its table.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/quantities.hpp"
#include "heap/internal/allocation_counts.hpp"
#include "heap/internal/command_record.hpp"
#include "heap/internal/event_lines.hpp"
#include "heap/internal/mark_schedule.hpp"
#include "model/heap.hpp"

namespace leakline::heap {

class InterpretedRecording {
  public:
    struct Options {
        Nanoseconds mark_interval = std::chrono::seconds(1);
        std::size_t max_marks = 600;
        std::string name;  // where damage is said to be
    };

    // The profile is filled as lines come in, and whole after finish(). It must outlive this object.
    InterpretedRecording(Options options, HeapProfile& profile);

    // Whole lines, from a ReadAhead (whose margins are read). Throws Error{input} for a format that is not known.
    void take(std::string_view lines);
    void left_out();
    void finish(std::string_view rest);

    // The interpreter's last words were seen: it met the end of its input. What another program exported in this format has
    // none: its end is the end of the file.
    bool has_trailer() const { return trailer_; }
    // heaptrack always writes facts of the machine and resident memory; exports of other profilers (bytehound's) have neither.
    bool is_export() const { return !system_seen_; }
    bool ends_with_tick() const { return last_tick_ && !torn_; }

  private:
    // A trace that allocates.
    struct Site {
        TraceCost cost;
        std::uint32_t trace = 0;
        bool changed = false;
    };

    void take_event_lines(const char*& line, const char* end);
    void take_line(const char*& line, const char* end);
    bool event_record(std::string_view line);
    void apply(std::size_t events);
    void date_peak();

    void other_line(std::string_view line);
    bool record(std::string_view line);
    bool trace_record(std::string_view line);
    bool info_record(std::string_view line);
    void damaged(std::string_view line);
    void resident(Bytes bytes);
    void take_due_marks();
    void mark(HeapMark::Kind kind);
    void fold_infos();
    void fill_peak();

    Options options_;
    HeapProfile& profile_;
    BoundedMarks marks_;
    MarkSchedule schedule_;
    RssTicks rss_ticks_;

    EventLines event_lines_;
    AllocationCounts counts_;
    std::vector<Site> sites_;
    std::vector<std::uint32_t> site_of_trace_;  // + 1; 0: none
    std::vector<std::uint32_t> changed_sites_;
    std::uint64_t lines_ = 0;
    std::int64_t overhead_ = 0;  // of the live blocks, see malloc_overhead
    Nanoseconds now_{};

    CommandRecord command_;
    std::uint64_t format_ = 0;
    Bytes page_size_ = 4096;
    std::optional<Bytes> resident_;
    bool started_mark_ = false, last_tick_ = false, torn_ = false, trailer_ = false, system_seen_ = false;
    bool another_ = false;  // recording follows in the same file
};

}  // namespace leakline::heap
