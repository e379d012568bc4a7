#include "heap/internal/mark_schedule.hpp"

#include <algorithm>

#include "base/quantities.hpp"

namespace leakline::heap {

MarkSchedule::MarkSchedule(Nanoseconds interval, std::size_t max_marks)
    : interval_(std::max<Nanoseconds>(interval, std::chrono::milliseconds(1))),
      next_(interval_),
      max_marks_(std::max<std::size_t>(max_marks, 2)) {}

void MarkSchedule::count_interval(Nanoseconds now) {
    if (++taken_ >= max_marks_) {
        taken_ /= 2;
        interval_ *= 2;
    }
    next_ = (now / interval_ + 1) * interval_;
}

std::vector<MarkSchedule::Requested> MarkSchedule::take(Nanoseconds now) {
    std::vector<Requested> marks;
    while (!requested_.empty() && now >= requested_.front().at) {
        marks.push_back(std::move(requested_.front()));
        requested_.pop_front();
    }
    if (now >= next_) {
        if (marks.empty()) marks.push_back({HeapMark::Kind::interval, {}, {}, now, {}, {}});
        count_interval(now);
    }
    return marks;
}

std::vector<MarkSchedule::Requested> MarkSchedule::take_remaining() {
    std::vector<Requested> marks(std::make_move_iterator(requested_.begin()), std::make_move_iterator(requested_.end()));
    requested_.clear();
    return marks;
}

HeapMark new_mark(MarkSchedule::Requested asked, Nanoseconds at, std::optional<Bytes> rss) {
    HeapMark mark;
    mark.kind = asked.kind;
    mark.label = std::move(asked.label);
    mark.requests = asked.requests;
    mark.at = at;
    mark.rss = rss;
    mark.allocator_in_use = asked.allocator_in_use;
    mark.allocator_retained = asked.allocator_retained;
    return mark;
}

namespace {

// Both lists are sorted by trace; where both have one, the newer cost stands.
std::vector<HeapMark::Change> merge_changes(std::vector<HeapMark::Change> older, std::vector<HeapMark::Change> newer) {
    std::vector<HeapMark::Change> merged;
    merged.reserve(older.size() + newer.size());
    auto a = older.begin();
    auto b = newer.begin();
    while (a != older.end() || b != newer.end()) {
        if (b == newer.end() || (a != older.end() && a->trace < b->trace)) {
            merged.push_back(*a++);
        } else {
            if (a != older.end() && a->trace == b->trace) ++a;
            merged.push_back(*b++);
        }
    }
    merged.shrink_to_fit();
    return merged;
}

}  // namespace

void thin_marks(std::vector<HeapMark>& marks, std::size_t max_marks) {
    while (marks.size() > max_marks) {
        std::vector<HeapMark> kept;
        bool drop = false, dropped = false;
        for (std::size_t i = 0; i < marks.size(); ++i) {
            HeapMark& mark = marks[i];
            if (mark.kind == HeapMark::Kind::interval && i + 1 < marks.size()) {
                drop = !drop;
                if (drop) {
                    marks[i + 1].changes = merge_changes(std::move(mark.changes), std::move(marks[i + 1].changes));
                    dropped = true;
                    continue;
                }
            }
            kept.push_back(std::move(mark));
        }
        marks = std::move(kept);
        if (!dropped) return;
    }
}

bool BoundedMarks::add(HeapMark mark) {
    changes_ += mark.changes.size();
    marks_.push_back(std::move(mark));
    if (changes_ <= kMaxChanges || marks_.size() < 64) return false;
    thin_marks(marks_, marks_.size() / 2);
    changes_ = 0;
    for (const HeapMark& kept : marks_) changes_ += kept.changes.size();
    return true;
}

bool RssTicks::take(Nanoseconds at) {
    if (at < next_) return false;
    if (++taken_ >= kMax) {
        taken_ /= 2;
        spacing_ *= 2;
    }
    next_ = at + spacing_;
    return true;
}

void thin_rss(std::vector<RssPoint>& points) {
    while (points.size() > RssTicks::kMax) {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < points.size(); i += 2) points[kept++] = points[i];
        points.resize(kept);
    }
}

}  // namespace leakline::heap
