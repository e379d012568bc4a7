// Lines that grow under load and are freed as soon as there is none: the queue of a worker that is slower than this run's requests.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// Of the growth in as much time under load: a leak that is cleaned up a little grows on.
constexpr double kMuch = 0.1;
// Of all growth: what lines that free nothing may have beside a queue.
constexpr double kRest = 0.05;
constexpr double kSecondsPerHour = 3600;

}  // namespace

std::optional<Conclusion> queue_is_behind(const Facts& facts, const Policy& policy) {
    const Evidence& evidence = facts.evidence;
    const double idle_s = evidence.lines.idle_seconds;
    if (policy.scaled_clock || evidence.soak || evidence.oom_kill || idle_s <= 0 || !lines_leak(facts)) return std::nullopt;
    double freed = 0, queued = 0;
    const LineGrowth* main = nullptr;
    for (const LineGrowth* line : facts.leaking) {
        const double its_freed = -static_cast<double>(line->idle_growth_bytes);
        const double per_s = line->bytes_per_hour ? line->bytes_per_hour->estimate / kSecondsPerHour : 0;
        if (its_freed <= 0 || its_freed < kMuch * per_s * idle_s) continue;
        freed += its_freed;
        queued += static_cast<double>(line->growth_bytes);
        if (main == nullptr || line->growth_bytes > main->growth_bytes) main = line;
    }
    // What no queue explains is judged as ever.
    if (freed < kBookkeepingBytes || facts.leaking_bytes - queued >= std::max<double>(kBookkeepingBytes, kRest * facts.leaking_bytes))
        return std::nullopt;
    const double empty_after_s = std::ceil(1.2 * facts.leaking_bytes / (freed / idle_s) + 1);
    Conclusion conclusion{Verdict::inconclusive, {}, {}};
    conclusion.reasons.push_back(fmt::format(
        "{}, but freed {} in the {:.1f} s without requests after the last round: the queue of a worker that is slower than the requests of "
        "this run would look like this; to decide, rerun at the log's own rate (--pace recorded), or with --quiet-time {:.0f}s",
        line_reason(*main), format_bytes(freed), idle_s, empty_after_s));
    return conclusion;
}

}  // namespace leakline::analysis
