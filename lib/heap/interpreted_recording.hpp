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

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "heap/mark_schedule.hpp"
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

    // The interpreter's last words were seen: it met the end of its input.
    bool has_trailer() const { return trailer_; }
    bool ends_with_tick() const { return last_tick_ && !torn_; }

  private:
    // Half a cache line, and all that an event touches.
    struct Info {
        static constexpr std::uint64_t kAllocation = std::uint64_t{1} << 32;

        std::uint64_t size = 0;
        std::uint64_t counts = 0;  // live blocks, and in the upper half allocations since the last mark
        // Upper half: the number of a peak; lower half: the live count at that one. Good while the number is that of the
        // newest peak; else the info has not changed since, and its live count is that at the peak (see TraceLedger).
        std::uint64_t peak = 0;
        std::uint32_t site = 0;  // into sites_
        std::uint32_t live_at_mark = 0;

        std::uint32_t live() const { return static_cast<std::uint32_t>(counts); }
        std::uint32_t live_at_peak(std::uint64_t newest) const {
            return peak >> 32 == newest ? static_cast<std::uint32_t>(peak) : live();
        }
    };
    static_assert(sizeof(Info) == 32);
    // A trace that allocates.
    struct Site {
        TraceCost cost;
        std::uint32_t trace = 0;
        bool changed = false;
    };

    // The state that every event changes. take() works on a copy, which the compiler can keep in registers: through
    // `this` it could not, since a store into an info might change a member.
    struct Hot {
        Info* infos = nullptr;
        std::size_t count = 0;
        std::uint8_t* changed = nullptr;
        std::uint64_t total = 0, peak = 0;  // as signed numbers
        std::uint64_t events = 0, peak_number = 0;
    };
    // Events whose records are on the way to the cache: parsed, checked against the table, not yet applied; they stand on
    // lines that follow each other. An entry is index << 1 | allocation.
    using Batch = std::array<std::uint32_t, 64>;
    static bool parse_event(const Hot& hot, const char* line, const char* end, bool digits_known, std::uint32_t& entry);
    void apply(Hot& hot, const Batch& batch, std::size_t size);
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
    void renumber_peaks();
    void fill_peak();

    Options options_;
    HeapProfile& profile_;
    BoundedMarks marks_;
    MarkSchedule schedule_;
    RssTicks rss_ticks_;

    std::vector<Info> infos_;
    std::vector<std::uint8_t> changed_;  // per info, since the last fold; padded to whole words
    std::vector<Site> sites_;
    std::vector<std::uint32_t> site_of_trace_;  // + 1; 0: none
    std::vector<std::uint32_t> changed_sites_;
    Hot hot_;
    std::uint64_t events_at_fold_ = 0, lines_ = 0, dated_peak_ = 0;
    Nanoseconds now_{};

    std::uint64_t format_ = 0;
    Bytes page_size_ = 4096;
    std::optional<Bytes> resident_;
    bool started_mark_ = false, last_tick_ = false, torn_ = false, trailer_ = false;
};

}  // namespace leakline::heap
