#include "analysis/lines/window.hpp"

#include <algorithm>
#include <cmath>

#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

using Kind = HeapMark::Kind;

// Fewer increments than this cannot distinguish growth from chance.
constexpr std::size_t kMinRounds = 4;
// An interval with less than this share of the busiest intervals' allocation rate is idle.
constexpr double kIdleShare = 0.05;
// Of the marks under load, where there are no rounds: start-up, caches filling, pools growing.
constexpr double kWarmUpShare = 0.2;

std::string seconds_text(Nanoseconds at) { return format_duration(std::chrono::round<std::chrono::milliseconds>(at)); }

// Allocations per second between each mark and the one before it (the start, for the first).
std::vector<double> allocation_rates(const HeapProfile& profile, const std::vector<TraceCost>& totals) {
    std::vector<double> rates(profile.marks.size());
    for (std::size_t i = 0; i < rates.size(); ++i) {
        const Nanoseconds before = i == 0 ? Nanoseconds{} : profile.marks[i - 1].at;
        const std::uint64_t allocated = totals[i].allocations - (i == 0 ? 0 : totals[i - 1].allocations);
        const double seconds = to_seconds(profile.marks[i].at - before);
        rates[i] = static_cast<double>(allocated) / std::max(seconds, 1e-3);
    }
    return rates;
}

// First and last mark whose interval was busy, the final state not counted; nothing where there is no such
// mark.
struct Busy {
    std::size_t first, last;
};
std::optional<Busy> busy_marks(const HeapProfile& profile, const std::vector<TraceCost>& totals) {
    const std::vector<double> rates = allocation_rates(profile, totals);
    std::vector<double> sorted;
    for (std::size_t i = 0; i < rates.size(); ++i)
        if (profile.marks[i].kind != Kind::finish) sorted.push_back(rates[i]);
    if (sorted.empty()) return std::nullopt;
    std::sort(sorted.begin(), sorted.end());
    const double busiest = sorted[static_cast<std::size_t>(0.9 * static_cast<double>(sorted.size() - 1) + 0.5)];

    std::optional<Busy> busy;
    for (std::size_t i = 0; i < rates.size(); ++i) {
        if (profile.marks[i].kind == Kind::finish || rates[i] <= 0 || rates[i] < kIdleShare * busiest) continue;
        if (!busy) busy = Busy{i, i};
        busy->last = i;
    }
    if (!busy) return std::nullopt;
    // The last busy interval before the end can hold the beginning of the end: a fall there is the process
    // going.
    const bool ends_next = busy->last + 1 < profile.marks.size() && profile.marks[busy->last + 1].kind == Kind::finish;
    if (ends_next && busy->last >= busy->first + 3 &&
        static_cast<double>(totals[busy->last].live_bytes) < 0.9 * static_cast<double>(totals[busy->last - 1].live_bytes))
        --busy->last;
    return busy;
}

std::vector<std::size_t> round_ends(const HeapProfile& profile) {
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < profile.marks.size(); ++i)
        if (profile.marks[i].kind == Kind::round_end) result.push_back(i);
    return result;
}

// The first two marks after the last round whose count of requests is known and has not moved since.
std::optional<Window::Idle> idle_after(const HeapProfile& profile, std::size_t last) {
    const auto& requests = profile.marks[last].requests;
    if (!requests) return std::nullopt;
    std::optional<std::size_t> begin;
    for (std::size_t i = last + 1; i < profile.marks.size(); ++i) {
        const HeapMark& mark = profile.marks[i];
        if (!mark.requests) continue;
        if (*mark.requests != *requests) break;
        if (begin && mark.at > profile.marks[*begin].at) return Window::Idle{*begin, i};
        if (!begin) begin = i;
    }
    return std::nullopt;
}

void take_span(Window& window, const HeapProfile& profile, std::optional<Nanoseconds> begin, std::optional<Nanoseconds> end) {
    const auto& marks = profile.marks;
    if (begin && end && *begin >= *end)
        throw Error(ErrorKind::usage, "--window " + seconds_text(*begin) + ".." + seconds_text(*end), "ends before it begins");
    const auto at_least = [&](Nanoseconds at) {
        return static_cast<std::size_t>(
            std::lower_bound(marks.begin(), marks.end(), at, [](const HeapMark& m, Nanoseconds t) { return m.at < t; }) - marks.begin());
    };
    if (begin) {
        window.first = std::min(at_least(*begin), marks.size() - 1);
        window.from_empty = false;
        if (*begin <= Nanoseconds{} && !profile.attached && marks[0].kind != Kind::start) {
            window.first = 0;
            window.from_empty = true;
        }
    }
    if (end) {
        const std::size_t past = at_least(*end + Nanoseconds{1});
        window.last = past == 0 ? 0 : past - 1;
    }
    if (window.first > window.last || (window.first == window.last && !window.from_empty))
        throw Error(ErrorKind::usage, "--window",
                    "holds fewer than two marks of this recording, which has " + std::to_string(marks.size()) + " from " +
                        seconds_text(marks.front().at) + " to " + seconds_text(marks.back().at),
                    "widen the window, or record with a shorter mark interval");
}

}  // namespace

std::vector<bool> traces_of_few_blocks(const HeapProfile& profile) {
    constexpr std::int64_t kFew = 16;  // one in each of several processes or threads
    std::vector<bool> few(profile.traces.size(), true);
    for (const HeapMark& mark : profile.marks)
        for (const HeapMark::Change& change : mark.changes)
            if (change.trace.value != 0 && change.trace.value <= few.size() && change.cost.live_blocks > kFew)
                few[change.trace.value - 1] = false;
    return few;
}

std::vector<TraceCost> totals_at_marks(const HeapProfile& profile, const std::vector<bool>& left_out) {
    std::vector<TraceCost> now(profile.traces.size()), totals;
    TraceCost total;
    for (const HeapMark& mark : profile.marks) {
        for (const HeapMark::Change& change : mark.changes) {
            if (change.trace.value == 0 || change.trace.value > now.size()) continue;
            if (!left_out.empty() && left_out[change.trace.value - 1]) continue;
            TraceCost& old = now[change.trace.value - 1];
            total.allocations += change.cost.allocations - old.allocations;
            total.allocated_bytes += change.cost.allocated_bytes - old.allocated_bytes;
            total.live_bytes += change.cost.live_bytes - old.live_bytes;
            total.live_blocks += change.cost.live_blocks - old.live_blocks;
            old = change.cost;
        }
        totals.push_back(total);
    }
    return totals;
}

Window choose_window(const HeapProfile& profile, std::optional<Nanoseconds> begin, std::optional<Nanoseconds> end) {
    const auto& marks = profile.marks;
    if (marks.empty()) throw Error(ErrorKind::input, profile.source.empty() ? "recording" : profile.source, "holds no state of the heap");

    Window window;
    window.from_empty = !profile.attached && marks[0].kind != Kind::start;
    const std::vector<std::size_t> rounds = round_ends(profile);
    const std::optional<Busy> busy = busy_marks(profile, totals_at_marks(profile));
    if (rounds.size() >= 2) {
        window.first = rounds.front();
        window.last = rounds.back();
        window.from_empty = false;
        if (!begin && !end) window.idle = idle_after(profile, window.last);
    } else if (busy && (busy->last > 0 || window.from_empty)) {
        window.last = busy->last;
    } else {
        window.last = marks.size() - 1;
        if (marks.back().kind == Kind::finish && !end)
            window.warnings.push_back(
                "the recording has no mark under load, so lines are judged at its end: memory that destructors freed is not counted as growth");
    }
    if (begin || end) take_span(window, profile, begin, end);

    window.begin = window.from_empty ? Nanoseconds{} : marks[window.first].at;
    window.end = marks[window.last].at;

    for (std::size_t i : rounds)
        if (i >= window.first && i <= window.last) window.judged.push_back(i);
    window.by_round = window.judged.size() >= kMinRounds;
    if (window.by_round) return window;
    window.judged.clear();
    std::size_t from = window.first;
    if (busy) from = std::max(from, std::min(busy->first, window.last));
    if (!begin) from += static_cast<std::size_t>(kWarmUpShare * static_cast<double>(window.last - from));
    for (std::size_t i = from; i <= window.last; ++i) window.judged.push_back(i);
    return window;
}

}  // namespace leakline::analysis
