// Lines that grow under load and are freed as soon as there is none: the queue of a worker that is slower than this run's requests.
#include <fmt/format.h>

#include <cmath>

#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// Of the growth in as much time under load: a leak that is cleaned up a little grows on.
constexpr double kMuch = 0.1;
constexpr double kSecondsPerHour = 3600;

}  // namespace

std::optional<Conclusion> queue_is_behind(const Facts& facts, const Policy& policy) {
    const Evidence& evidence = facts.evidence;
    const double idle_s = evidence.lines.idle_seconds;
    if (policy.scaled_clock || evidence.soak || evidence.oom_kill || idle_s <= 0 || !lines_leak(facts)) return std::nullopt;
    double freed = 0, grown_per_s = 0;
    for (const LineGrowth* line : facts.leaking) {
        freed -= static_cast<double>(line->idle_growth_bytes);
        if (line->bytes_per_hour) grown_per_s += line->bytes_per_hour->estimate / kSecondsPerHour;
    }
    if (freed < kBookkeepingBytes || freed < kMuch * grown_per_s * idle_s) return std::nullopt;
    const double empty_after_s = std::ceil(1.2 * facts.leaking_bytes / (freed / idle_s) + 1);
    Conclusion conclusion{Verdict::inconclusive, {}, {}};
    conclusion.reasons.push_back(fmt::format(
        "{}, but freed {} in the {:.1f} s without requests after the last round: the queue of a worker that is slower than the requests of "
        "this run would look like this; to decide, rerun at the log's own rate (--pace recorded), or with --quiet-time {:.0f}s",
        line_reason(main_leaking_line(facts)), format_bytes(freed), idle_s, empty_after_s));
    return conclusion;
}

}  // namespace leakline::analysis
