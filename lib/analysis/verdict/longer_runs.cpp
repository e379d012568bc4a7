// When a run is made longer, and by how much, before its growth is called a leak.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// In requests, before lines are known: a leak through most requests has kept kEnoughEntries by then.
constexpr double kWantedRequests = 200'000;
// Standard error of a leaking line's growth, as a share of it, that a recording of samples may leave.
constexpr double kPrecise = 0.05;
// The growth that is asked for, and the estimate of when it is reached, have some room.
constexpr double kRoom = 1.15;

}  // namespace

double requests_for_growth(const Evidence& evidence, double requests, double needed) {
    const double late = late_growth(evidence);
    return late > 0 ? requests * std::max(1.0, kRoom * needed / late) : 0;
}

std::optional<LongerRun> growth_unproven(const Evidence& so_far) {
    if (so_far.max_growth || so_far.trend.verdict != Trend::growing) return std::nullopt;
    // Growth that follows time is not a cache that requests fill.
    if (so_far.split.follows == Follows::time) return std::nullopt;
    const double requests = so_far.series.requests.empty() ? 0 : so_far.series.requests.back();
    const bool by_memory = !so_far.lines.unavailable.empty();
    LongerRun more;
    if (!by_memory) {
        if (requests >= kWantedRequests || grown(so_far.series) >= kEnoughMemory) return std::nullopt;
        more.requests = kWantedRequests;
        more.all_or_nothing = false;
    } else {
        if (requests < kEnoughRequests && grown(so_far.series) < kMuchMemory) more.requests = kEnoughRequests;
        const Facts facts(so_far);
        if (const auto held = retained_growth(facts)) more.requests = std::max(more.requests, requests_for_growth(so_far, requests, *held));
        if (more.requests == 0) return std::nullopt;
        more.all_or_nothing = true;
    }
    more.why = "memory grows, as it would with a cache that is still filling or an allocator that is warming up";
    return more;
}

std::optional<LongerRun> longer_run(const Evidence& so_far, const Policy& policy) {
    if (so_far.max_growth || so_far.oom_kill || so_far.soak || so_far.replay.completed == 0 || objects_decide(so_far)) return std::nullopt;
    const Facts facts(so_far);
    const auto requests = static_cast<double>(so_far.replay.completed);
    const bool tells = !does_not_grow(so_far.trend.verdict);
    // Lines that grow with time alone, and explain the growth of memory, are not a cache that requests fill.
    if (tells && lines_leak(facts) && follows_time_alone(facts) && explained_growth(so_far) >= kExplained) return std::nullopt;
    // More connections decide it, which are another run.
    if (connections_decide(facts)) return std::nullopt;
    if (tells && lines_leak(facts) && !follows_time_alone(facts)) {
        const Kept kept = kept_by_lines(facts);
        if (policy.filling_is_leak || enough(kept) || contradicted(facts)) return std::nullopt;
        const double wanted = requests_for_enough(kept);
        // If memory is undecided, the recorded run is the one that was counted.
        if (wanted <= 0) return std::nullopt;
        return LongerRun{wanted, fmt::format("{} grows, as a cache that is still filling would", short_place(main_leaking_line(facts).at)),
                         true};
    }
    // What lines held and let go, and what grows by a few bytes per request, no longer run decides.
    Evidence judged = so_far;
    take_small_growth(judged);
    if (!facts.memory_grows() || does_not_grow(judged.trend.verdict) || growth_was_freed_later(facts, policy)) return std::nullopt;
    const auto held = retained_growth(facts);
    double wanted = held ? requests_for_growth(so_far, requests, *held) : 0;
    if (memory_may_be_a_cache(facts, policy)) wanted = std::max(wanted, kEnoughRequests);
    if (wanted <= requests) return std::nullopt;
    return LongerRun{wanted, "memory grows, but by no more than a cache that is still filling or an allocator may retain", true};
}

std::optional<LongerRun> longer_recording(const Evidence& evidence, const Policy& policy) {
    if (evidence.max_growth) return std::nullopt;
    const Facts facts(evidence);
    const double recorded = recorded_requests(evidence);
    const Kept kept = kept_by_lines(facts);
    if (!policy.filling_is_leak && lines_unproven(facts)) {
        double wanted = requests_for_enough(kept);
        // As far as the bare run in which memory settled, and as much again to see that it stays.
        if (contradicted(facts))
            wanted = std::min(wanted > 0 ? wanted : recorded, std::max(2 * recorded, 1.5 * static_cast<double>(evidence.replay.completed)));
        return LongerRun{std::max(wanted, 2 * recorded),
                         fmt::format("{}, but process memory does not confirm it: a cache that is still filling would look the same",
                                     line_reason(main_leaking_line(facts))),
                         true};
    }
    if (const LineGrowth* const line = undecided_growth(facts)) return LongerRun{2 * recorded, undecided_growth_words(*line), true};
    if (cache_has_filled(facts) || !lines_matter(facts) || lines_leak(facts)) return std::nullopt;
    return LongerRun{2 * recorded,
                     fmt::format("{}, but by only {} in total", line_reason(main_leaking_line(facts)), format_bytes(facts.leaking_bytes)),
                     true};
}

std::optional<LongerRun> finer_recording(const Evidence& evidence) {
    if (!evidence.lines.totals.sampling) return std::nullopt;
    const Facts facts(evidence);
    if (!facts.leaking.empty()) {
        const LineGrowth& line = main_leaking_line(facts);
        const double error = line.growth_error_bytes.value_or(0);
        if (line.follows != Follows::unknown && error <= kPrecise * static_cast<double>(line.growth_bytes)) return std::nullopt;
        return LongerRun{recorded_requests(evidence),
                         fmt::format("the growth of {}, {} +- {}, is known from few samples", short_place(line.at),
                                     format_bytes(static_cast<double>(line.growth_bytes)), format_bytes(kNormal95 * error)),
                         true};
    }
    // With a budget it is memory that decides.
    if (evidence.max_growth || !facts.memory_grows()) return std::nullopt;
    Evidence judged = evidence;
    take_small_growth(judged);
    if (does_not_grow(judged.trend.verdict)) return std::nullopt;
    return LongerRun{recorded_requests(evidence),
                     fmt::format("memory grows and no line does, in a recording of one block for each {} allocated",
                                 format_bytes(static_cast<double>(evidence.lines.totals.sampling->interval))),
                     true};
}

}  // namespace leakline::analysis
