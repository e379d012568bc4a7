#include "analysis/verdict/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/growth_gate.hpp"
#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// Share of answers that must be successes for the run to be beyond doubt.
constexpr double kLandedWell = 0.95;

std::string kill_reason(const OomKill& kill) {
    std::string reason =
        fmt::format("the service was {} after {:.1f} s and {} requests", kill.text, kill.at_s, format_count(kill.requests));
    if (kill.predicted_at_s && kill.predicted_requests)
        reason += fmt::format("; the first half of its requests predicted {:.1f} s and {:.0f} [{:.0f}, {:.0f}] requests",
                              kill.predicted_at_s->estimate, kill.predicted_requests->estimate, kill.predicted_requests->low,
                              kill.predicted_requests->high);
    return reason;
}

void warn_of_failures(Diagnosis& diagnosis) {
    const TrafficOutcome traffic_outcome = traffic_outcome_of(diagnosis.replay);
    if (traffic_outcome.share() >= kLandedWell || diagnosis.oom_kill) return;
    diagnosis.warnings.push_back(fmt::format("{:.1f} % of {} requests failed; most frequent: {}", (1 - traffic_outcome.share()) * 100,
                                             format_count(traffic_outcome.sent), traffic_outcome.most_common_failure));
}

// Where one kind of request leaks, an average over all of them says little.
void explain_kinds(const Diagnosis& diagnosis, std::vector<std::string>& reasons) {
    const auto& kinds = diagnosis.endpoints;
    const auto leaking = std::count_if(kinds.begin(), kinds.end(), [](const EndpointGrowth& kind) { return kind.leaks; });
    if (leaking == 0 || static_cast<std::size_t>(leaking) == kinds.size()) return;
    for (const EndpointGrowth& kind : kinds)
        if (kind.leaks)
            reasons.push_back(fmt::format("{} leaks {} per request; the figures per request above are averages over all kinds",
                                          kind.endpoint, format_bytes(kind.bytes_per_request.estimate)));
}

// What is said beside the verdict on memory.
void explain(const Evidence& evidence, Conclusion& memory) {
    const Diagnosis& diagnosis = evidence.diagnosis;
    std::vector<std::string>& reasons = memory.reasons;
    if (diagnosis.oom_kill && memory.verdict == Verdict::leak) reasons.insert(reasons.begin(), kill_reason(*diagnosis.oom_kill));
    const TrendVerdict& trend = diagnosis.trend;
    for (const std::string& reason : trend.reasons)
        // The detection limit has a row of its own in reports.
        if (!reason.starts_with("the smallest growth that"))
            reasons.push_back((&reason == &trend.reasons.front() ? "memory during the run: " : "memory: ") + reason);
    if (memory.verdict == Verdict::leak) explain_kinds(diagnosis, reasons);
    for (const std::string& retry : diagnosis.retries) reasons.push_back("the run was made longer " + retry);
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
    diagnosis.still_filling = conclusions.front().still_filling;
    if (diagnosis.verdict == Verdict::invalid) diagnosis.growth = {StatedGrowth::Source::none, {}};
    for (Conclusion& conclusion : conclusions) {
        for (std::string& reason : conclusion.reasons) diagnosis.reasons.push_back(std::move(reason));
        for (std::string& warning : conclusion.warnings) diagnosis.warnings.push_back(std::move(warning));
    }
}

void conclude_measured(Diagnosis& diagnosis, const Policy& policy) {
    if (diagnosis.verdict == Verdict::invalid) {
        diagnosis.growth = {StatedGrowth::Source::none, {}};
        return;
    }
    const Evidence evidence(diagnosis);
    if (auto invalid = first_conclusion(Subject::validity, evidence, policy)) {
        adopt(diagnosis, {std::move(*invalid)});
        return;
    }
    warn_of_failures(diagnosis);
    std::vector<Conclusion> conclusions;
    if (auto memory = first_conclusion(Subject::memory, evidence, policy)) {
        explain(evidence, *memory);
        if (diagnosis.max_growth) {
            judge_budget(diagnosis, evidence, *memory);
            memory->still_filling = false;
        }
        explain_soak(diagnosis, *memory);
        conclusions.push_back(std::move(*memory));
    }
    for (const Subject subject : {Subject::resources, Subject::coverage})
        if (auto conclusion = first_conclusion(subject, evidence, policy)) conclusions.push_back(std::move(*conclusion));
    adopt(diagnosis, std::move(conclusions));
}

}  // namespace

void conclude(Diagnosis& diagnosis, const Policy& policy) {
    take_filled_caches(diagnosis);
    take_small_growth(diagnosis);
    project(diagnosis);
    conclude_measured(diagnosis, policy);
    if (diagnosis.soak) project_soak(diagnosis);
}

std::optional<std::string> memory_undecided(Diagnosis diagnosis) {
    const TrendVerdict& trend = diagnosis.trend;
    if (diagnosis.max_growth) {
        project(diagnosis);
        GateResult result = check_growth(at_own_rate(diagnosis), *diagnosis.max_growth);
        if (result.gate != Gate::undecided) return std::nullopt;
        return std::move(result.reason);
    }
    if (trend.verdict == Trend::growing) {
        // Where no line leaks, so little is no leak yet, and the lines are not known before the recorded run.
        const auto barely = barely_seen(trend);
        return barely ? std::optional("memory grows, but " + *barely) : std::nullopt;
    }
    if (trend.verdict == Trend::inconclusive) return trend.reasons.empty() ? "memory over time does not decide" : trend.reasons.front();
    if (trend.detectable_bytes_per_request.value_or(0) > kTooCoarseBytesPerRequest) return too_coarse(trend);
    return std::nullopt;
}

}  // namespace leakline::analysis
