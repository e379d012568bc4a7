// When a mark is due: every so often, thinned by doubling so that their number stays bounded, and where one was asked
// for. Works on the recording's own time, as its timer ticks tell it, so that a mark has a definite place in the stream.
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
    struct Asked {
        HeapMark::Kind kind = HeapMark::Kind::round_end;
        std::string label;
        std::optional<std::uint64_t> requests;
        Nanoseconds at{};                                           // fulfilled by the first tick at or after this time
        std::optional<Bytes> allocator_in_use, allocator_retained;  // then, where the caller has read them
    };

    MarkSchedule(Nanoseconds interval, std::size_t max_marks);

    void ask(Asked mark) { asked_.push_back(std::move(mark)); }
    std::size_t pending() const { return asked_.size(); }

    bool due(Nanoseconds now) const { return now >= next_ || (!asked_.empty() && now >= asked_.front().at); }
    // What to record at a tick that is due: the marks asked for (in order) and, if nothing was, an interval mark.
    std::vector<Asked> take(Nanoseconds now);
    // Twice the interval from now on: whoever keeps the marks has had to thin them.
    void slow_down() { interval_ *= 2; }
    // What was asked for and never reached, at the end of the stream.
    std::vector<Asked> take_rest();

  private:
    void count_interval(Nanoseconds now);

    Nanoseconds interval_, next_;
    std::size_t max_marks_, taken_ = 0;
    std::deque<Asked> asked_;
};

// Drops every second interval mark until at most max_marks are left, moving what they changed into the mark after
// them. Marks that were asked for stay.
void thin_marks(std::vector<HeapMark>& marks, std::size_t max_marks);

// Marks in memory: thinned when their changes would take more than ~10 MB, however many sites a program has.
class BoundedMarks {
  public:
    static constexpr std::size_t kMostChanges = std::size_t{1} << 18;

    explicit BoundedMarks(std::vector<HeapMark>& marks) : marks_(marks) {}
    // True where the marks were thinned (so that fewer should come).
    bool add(HeapMark mark);

  private:
    std::vector<HeapMark>& marks_;
    std::size_t changes_ = 0;
};

// A series of RSS ticks of bounded length: the spacing doubles whenever there would be more than kMost.
class RssTicks {
  public:
    static constexpr std::size_t kMost = 8192;

    // True where the point belongs into the series.
    bool take(Nanoseconds at);

  private:
    Nanoseconds spacing_ = std::chrono::milliseconds(10), next_{};
    std::size_t taken_ = 0;
};
// The same for a series that is complete.
void thin_rss(std::vector<RssPoint>& points);

}  // namespace leakline::heap
