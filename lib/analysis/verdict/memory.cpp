// Rules about memory and its lines.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/resources.hpp"
#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// Whether the line holds next to nothing whenever no request is in progress: what requests allocate for themselves adds nothing to the
// growth from round to round, however much of it a mark within a round has met.
bool only_for_requests(const LineReport& lines, const LineGrowth& line) {
    constexpr double kNothing = 0.01;  // of its highest level
    if (line.live_at_marks.empty() || line.live_at_marks.size() != lines.mark_requests.size()) return false;
    std::size_t quiet = 0;
    for (std::size_t i = 0; i < line.live_at_marks.size(); ++i) {
        if (!lines.mark_requests[i]) continue;
        if (line.live_at_marks[i] > kNothing * static_cast<double>(line.live_peak_bytes)) return false;
        ++quiet;
    }
    return quiet >= 2;
}

// Memory that the heap alone can account for, although no line leaks: what lines held at their most, and had not held at the first mark.
// A cache that is cleaned by the clock grows through a run that is shorter than its entries live.
const LineGrowth* line_causing_growth(const Evidence& evidence) {
    const Series& series = evidence.series;
    if (series.size() == 0) return nullptr;
    const double growth = *std::max_element(series.value.begin(), series.value.end()) - level_after_first_round(evidence);
    const auto held = [](const LineGrowth& line) { return static_cast<double>(line.live_peak_bytes - line.live_first_bytes); };
    double sum = 0;
    const LineGrowth* most = nullptr;
    for (const LineGrowth& line : evidence.lines.lines) {
        if (line.leaking || held(line) <= 0 || only_for_requests(evidence.lines, line)) continue;
        sum += held(line);
        if (most == nullptr || held(line) > held(*most)) most = &line;
    }
    // The bare run may have gone on for longer.
    const auto& counted = evidence.lines.mark_requests;
    const double recorded = counted.empty() || !counted.back() ? 0 : static_cast<double>(*counted.back());
    const double longer = recorded > 0 ? std::max(1.0, static_cast<double>(evidence.replay.completed) / recorded) : 1;
    return growth > 0 && sum * longer >= kExplainingShare * growth ? most : nullptr;
}

// It held its highest level at the end.
bool grows_to_the_end(const LineGrowth& line) {
    constexpr double kNearlyAll = 0.95;
    return (line.growth_class == GrowthClass::linear || line.growth_class == GrowthClass::unclear) &&
           static_cast<double>(line.live_last_bytes) >= kNearlyAll * static_cast<double>(line.live_peak_bytes);
}

// The lines' growth is an average over the run, memory's is that at its end.
std::string acceleration_words(const Facts& facts) {
    constexpr double kMuchMore = 1.5;
    const auto& at_end = facts.evidence.trend.bytes_per_request;
    const double average = facts.leaking_bytes_per_request;
    if (!facts.memory_grows() || facts.evidence.trend.growth_class != "accelerating" || !at_end || average <= 0 ||
        at_end->low < kMuchMore * average)
        return {};
    return fmt::format("growth accelerates: lines grew by {} per request on average, memory by {} per request at the end of the run",
                       format_bytes(average), format_bytes(at_end->estimate));
}

std::string behind_words(const LineGrowth& line) {
    if (grows_to_the_end(line)) return undecided_growth_words(line) + ": rerun with more rounds (--rounds)";
    return fmt::format(
        "memory grew until the end of the first run, but in the recorded run the heap bytes that explain it ({}, up to {}) stopped growing or "
        "were freed, as in a cache that a timer cleans: rerun with longer rounds (--min-round)",
        short_place(line.at), format_bytes(static_cast<double>(line.live_peak_bytes)));
}

}  // namespace

const LineGrowth* undecided_growth(const Facts& facts) {
    if (!facts.memory_grows() || !facts.leaking.empty()) return nullptr;
    const LineGrowth* const line = line_causing_growth(facts.evidence);
    return line != nullptr && grows_to_the_end(*line) ? line : nullptr;
}

std::string undecided_growth_words(const LineGrowth& line) {
    return fmt::format("{} grew to the end of the run, by {}, but in so few rounds that chance is not excluded", short_place(line.at),
                       format_bytes(static_cast<double>(line.growth_bytes)));
}

bool without_lines(const Evidence& evidence) {
    // A soak whose memory is flat at both speeds has no recorded run, and neither has a service whose first process only launches,
    // or whose lines cannot be recorded.
    return (evidence.soak && evidence.soak->growth == Soak::Growth::none) || unrecorded_share(evidence.resources.tree) >= kOnlyLaunches ||
           (!evidence.lines.unavailable.empty() && evidence.lines.mark_seconds.empty());
}

std::optional<Conclusion> lines_grow(const Facts& facts, const Policy&) {
    if (!lines_leak(facts)) return std::nullopt;
    std::string reason = line_reason(main_leaking_line(facts));
    // A soak's clock may have run faster than ours.
    if (const std::string same = alternative_explanation(facts); !same.empty() && !facts.evidence.soak) reason += "; " + same;
    Conclusion conclusion{Verdict::leak, {std::move(reason)}, {}};
    if (auto words = acceleration_words(facts); !words.empty()) conclusion.reasons.push_back(std::move(words));
    if (!facts.memory_grows())
        conclusion.reasons.push_back(fmt::format("total memory does not show it yet ({})", trend_name(facts.evidence.trend.verdict)));
    return conclusion;
}

std::optional<Conclusion> lines_grow_by_too_little(const Facts& facts, const Policy&) {
    if (!lines_matter(facts) || lines_leak(facts)) return std::nullopt;
    const bool by_requests = facts.leaking_bytes_per_request >= kBookkeepingRate;
    return Conclusion{
        Verdict::inconclusive,
        {fmt::format("{}, but by only {} in total, which may still be warm-up: rerun with {}", line_reason(main_leaking_line(facts)),
                     format_bytes(facts.leaking_bytes), by_requests ? "more requests" : "longer rounds (--min-round)")},
        {}};
}

std::optional<Conclusion> growth_was_freed_later(const Facts& facts, const Policy&) {
    const LineGrowth* line = facts.memory_grows() ? line_causing_growth(facts.evidence) : nullptr;
    if (line == nullptr) return std::nullopt;
    return Conclusion{Verdict::inconclusive, {behind_words(*line)}, {}};
}

std::optional<Conclusion> memory_undecided_by_trend(const Facts& facts, const Policy&) {
    if (facts.evidence.trend.verdict != Trend::inconclusive) return std::nullopt;
    if (without_lines(facts.evidence)) return Conclusion{Verdict::inconclusive, {"memory over time is inconclusive"}, {}};
    return Conclusion{Verdict::inconclusive, {"memory over time is inconclusive, and no source line keeps growing"}, {}};
}

std::optional<Conclusion> detection_limit_too_coarse(const Facts& facts, const Policy&) {
    const TrendVerdict& trend = facts.evidence.trend;
    if (trend.detectable_bytes_per_request.value_or(0) <= kTooCoarseBytesPerRequest) return std::nullopt;
    return Conclusion{
        Verdict::inconclusive,
        {fmt::format("after {} requests, {}: rerun with more requests", format_count(facts.evidence.replay.completed), too_coarse(trend))},
        {}};
}

std::optional<Conclusion> nothing_grows(const Facts& facts, const Policy&) {
    const Evidence& evidence = facts.evidence;
    const TrendVerdict& trend = evidence.trend;
    // The headline says above what.
    std::string reason = without_lines(evidence)
                             ? fmt::format("memory is {}", trend_name(trend.verdict))
                             : fmt::format("no source line keeps growing{}, and memory is {}",
                                           facts.leaking.empty() ? "" : " by a byte per request", trend_name(trend.verdict));
    return Conclusion{Verdict::no_leak, {std::move(reason)}, {}};
}

}  // namespace leakline::analysis
