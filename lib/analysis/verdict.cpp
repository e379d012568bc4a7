#include "analysis/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "analysis/growth_gate.hpp"
#include "analysis/verdict_rules.hpp"

namespace leakline::analysis {

namespace {

// Share of answers that must be successes for the run to be beyond doubt.
constexpr double kLandedWell = 0.95;

// What no run tells from a leak that is shorter than a service waits before it frees.
std::optional<std::string> nothing_freed(const LineReport& report, const LineGrowth& line) {
    constexpr double kNone = 0.01;  // of what was allocated
    const double allocated = static_cast<double>(line.allocations);
    const double kept = static_cast<double>(line.live_last_blocks - line.live_first_blocks);
    if (line.growth_class != GrowthClass::linear || allocated <= 0 || kept < (1 - kNone) * allocated) return std::nullopt;
    return fmt::format("nothing from {} was freed in the {} that were recorded; what a service frees by the clock after longer than that looks the "
                       "same, so where this one does, give it longer rounds (--min-round) or a soak",
                       place(line.at), format_duration(std::chrono::round<std::chrono::seconds>(report.window_end - report.window_begin)));
}

// What production would see, which serves the traffic at the log's own rate and not at that of the run.
void project(Diagnosis& diagnosis) {
    TrendVerdict& trend = diagnosis.trend;
    trend.time_to_limit_h.reset();
    if (!trend.bytes_per_request || !diagnosis.requests_per_second || grows_by_connections_alone(diagnosis)) return;
    const double hourly = *diagnosis.requests_per_second * 3600;
    const Interval& growth = *trend.bytes_per_request;
    diagnosis.projected_bytes_per_hour = Interval{growth.estimate * hourly, growth.low * hourly, growth.high * hourly};
    if (!diagnosis.memory_limit || trend.verdict != Trend::growing) return;
    // From a fresh start, since production does not begin where this run ended: the level before the traffic.
    const double start = diagnosis.series.value.empty() ? 0 : diagnosis.series.value.front();
    const double head = std::max(0.0, static_cast<double>(*diagnosis.memory_limit) - start);
    const auto hours = [&](double bytes_per_hour) {
        return bytes_per_hour > 0 ? head / bytes_per_hour : std::numeric_limits<double>::infinity();
    };
    const Interval& projected = *diagnosis.projected_bytes_per_hour;
    trend.time_to_limit_h = Interval{hours(projected.estimate), hours(projected.high), hours(projected.low)};
}

std::string kill_reason(const OomKill& kill) {
    std::string reason = fmt::format("the service was {} after {:.1f} s and {} requests", kill.text, kill.at_s, format_count(kill.requests));
    if (kill.predicted_at_s && kill.predicted_requests)
        reason += fmt::format("; the first half of its requests predicted {:.1f} s and {:.0f} [{:.0f}, {:.0f}] requests",
                              kill.predicted_at_s->estimate, kill.predicted_requests->estimate, kill.predicted_requests->low,
                              kill.predicted_requests->high);
    return reason;
}

void warn_of_failures(Diagnosis& diagnosis) {
    const Landing landing = landing_of(diagnosis.replay);
    if (landing.share() >= kLandedWell || diagnosis.oom_kill) return;
    diagnosis.warnings.push_back(fmt::format("{:.1f} % of {} requests did not succeed, most often {}", (1 - landing.share()) * 100,
                                             format_count(landing.sent), landing.most_common_failure));
}

// What is said beside the verdict on memory.
void explain(const Evidence& evidence, Conclusion& memory) {
    const Diagnosis& diagnosis = evidence.diagnosis;
    std::vector<std::string>& reasons = memory.reasons;
    if (diagnosis.oom_kill) reasons.insert(reasons.begin(), kill_reason(*diagnosis.oom_kill));
    const TrendVerdict& trend = diagnosis.trend;
    for (const std::string& reason : trend.reasons)
        reasons.push_back((&reason == &trend.reasons.front() ? "memory, at the pace of the run: " : "memory: ") + reason);
    // A soak's clock may have run faster than ours.
    if (memory.verdict == Verdict::leak && !evidence.leaking.empty() && !diagnosis.soak)
        if (auto words = nothing_freed(diagnosis.lines, *evidence.leaking.front())) reasons.push_back(std::move(*words));
    for (const std::string& retry : diagnosis.retries) reasons.push_back("more rounds were asked for " + retry);
}

// leak outweighs inconclusive, which outweighs no leak.
int weight(Verdict verdict) {
    switch (verdict) {
        case Verdict::no_leak: return 0;
        case Verdict::inconclusive: return 1;
        case Verdict::leak: return 2;
        case Verdict::invalid: return 3;
    }
    return 3;
}

// The strongest verdict first, with its reasons; the reasons of the others follow.
void adopt(Diagnosis& diagnosis, std::vector<Conclusion> conclusions) {
    std::stable_sort(conclusions.begin(), conclusions.end(),
                     [](const Conclusion& a, const Conclusion& b) { return weight(a.verdict) > weight(b.verdict); });
    diagnosis.verdict = conclusions.front().verdict;
    for (Conclusion& conclusion : conclusions) {
        for (std::string& reason : conclusion.reasons) diagnosis.reasons.push_back(std::move(reason));
        for (std::string& warning : conclusion.warnings) diagnosis.warnings.push_back(std::move(warning));
    }
}

}  // namespace

void conclude(Diagnosis& diagnosis, const Policy& policy) {
    project(diagnosis);
    if (diagnosis.verdict == Verdict::invalid) return;
    const Evidence evidence(diagnosis);
    if (auto invalid = first_conclusion(Subject::validity, evidence, policy)) {
        adopt(diagnosis, {std::move(*invalid)});
        return;
    }
    warn_of_failures(diagnosis);
    std::vector<Conclusion> conclusions;
    if (auto memory = first_conclusion(Subject::memory, evidence, policy)) {
        explain(evidence, *memory);
        if (diagnosis.max_growth) judge_budget(diagnosis, evidence, *memory);
        conclusions.push_back(std::move(*memory));
    }
    for (const Subject subject : {Subject::resources, Subject::coverage})
        if (auto conclusion = first_conclusion(subject, evidence, policy)) conclusions.push_back(std::move(*conclusion));
    adopt(diagnosis, std::move(conclusions));
}

std::optional<std::string> memory_undecided(Diagnosis diagnosis) {
    const TrendVerdict& trend = diagnosis.trend;
    if (diagnosis.max_growth) {
        project(diagnosis);
        GateResult result = check_growth(at_own_rate(diagnosis), *diagnosis.max_growth);
        if (result.gate != Gate::undecided) return std::nullopt;
        return std::move(result.reason);
    }
    if (trend.verdict == Trend::growing) return std::nullopt;
    if (trend.verdict == Trend::inconclusive)
        return trend.reasons.empty() ? "memory over time allows both answers" : trend.reasons.front();
    if (trend.detectable_bytes_per_request.value_or(0) > kTooCoarseBytesPerRequest) return too_coarse(trend);
    return std::nullopt;
}

std::optional<std::string> lines_undecided(const Diagnosis& diagnosis) {
    if (diagnosis.max_growth) return std::nullopt;
    const Evidence evidence(diagnosis);
    if (evidence.leaking_bytes_per_request < kBookkeepingRate || lines_leak(evidence)) return std::nullopt;
    return fmt::format("{}, by only {} in all", line_reason(*evidence.leaking.front()), format_bytes(evidence.leaking_bytes));
}

}  // namespace leakline::analysis
