// When a mark is due: at an interval that doubles so that their number is bounded, and whenever one is requested
// by the caller. Uses the recording's own time from its timer ticks, so that a mark has a definite place in the stream.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "model/heap.hpp"

namespace leakline::heap {

class MarkSchedule {
  public:
    struct Requested {
        HeapMark::Kind kind = HeapMark::Kind::round_end;
        std::string label;
        std::optional<std::uint64_t> requests;
        Nanoseconds at{};                                           // fulfilled by the first tick at or after this time
        std::optional<Bytes> allocator_in_use, allocator_retained;  // at that time, if the caller has read them
    };

    MarkSchedule(Nanoseconds interval, std::size_t max_marks);

    void request_mark(Requested mark) { requested_.push_back(std::move(mark)); }
    std::size_t pending() const { return requested_.size(); }

    bool due(Nanoseconds now) const { return now >= next_ || (!requested_.empty() && now >= requested_.front().at); }
    // What to record at a tick that is due: the requested marks (in order) or, if there are none, an interval mark.
    std::vector<Requested> take(Nanoseconds now);
    // Doubles the interval, after the marks were thinned.
    void slow_down() { interval_ *= 2; }
    // The requested marks that were not reached, at the end of the stream.
    std::vector<Requested> take_remaining();

  private:
    void count_interval(Nanoseconds now);

    Nanoseconds interval_, next_;
    std::size_t max_marks_, taken_ = 0;
    std::deque<Requested> requested_;
};

// The mark that was asked for, without its changes.
HeapMark new_mark(MarkSchedule::Requested asked, Nanoseconds at, std::optional<Bytes> rss);

// Drops every second interval mark until at most max_marks are left, moving their changes into the mark after
// them. Requested marks are kept.
void thin_marks(std::vector<HeapMark>& marks, std::size_t max_marks);

// Marks in memory: thinned when their changes would take more than ~10 MB, however many sites a program has.
class BoundedMarks {
  public:
    static constexpr std::size_t kMaxChanges = std::size_t{1} << 18;

    explicit BoundedMarks(std::vector<HeapMark>& marks) : marks_(marks) {}
    // True if the marks were thinned (so that fewer should follow).
    bool add(HeapMark mark);

  private:
    std::vector<HeapMark>& marks_;
    std::size_t changes_ = 0;
};

// A series of RSS ticks of bounded length: the spacing doubles whenever there would be more than kMax.
class RssTicks {
  public:
    static constexpr std::size_t kMax = 8192;

    // True if the point belongs to the series.
    bool take(Nanoseconds at);

  private:
    Nanoseconds spacing_ = std::chrono::milliseconds(10), next_{};
    std::size_t taken_ = 0;
};
// The same for a complete series.
void thin_rss(std::vector<RssPoint>& points);

}  // namespace leakline::heap
