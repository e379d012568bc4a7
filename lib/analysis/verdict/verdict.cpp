#include "analysis/verdict/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/growth_gate.hpp"
#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// Share of requests that must succeed for the report not to mention failures.
constexpr double kNearlyAllSucceeded = 0.95;

std::string kill_reason(const OomKill& kill) {
    std::string reason =
        fmt::format("the service was {} after {:.1f} s and {} requests", kill.text, kill.at_s, format_count(kill.requests));
    if (kill.predicted_at_s && kill.predicted_requests)
        reason += fmt::format("; predicted from the first half of the requests: {:.1f} s and {:.0f} ({:.0f} to {:.0f}) requests",
                              kill.predicted_at_s->estimate, kill.predicted_requests->estimate, kill.predicted_requests->low,
                              kill.predicted_requests->high);
    return reason;
}

std::vector<std::string> failure_caveats(const Evidence& evidence) {
    const TrafficOutcome traffic_outcome = traffic_outcome_of(evidence.replay);
    if (traffic_outcome.share() >= kNearlyAllSucceeded || evidence.oom_kill) return {};
    return {fmt::format("{:.1f} % of {} requests failed; most frequent: {}", (1 - traffic_outcome.share()) * 100,
                        format_count(traffic_outcome.sent), traffic_outcome.most_common_failure)};
}

// Where one kind of request leaks, an average over all of them says little.
void explain_kinds(const Evidence& evidence, std::vector<std::string>& reasons) {
    const auto& kinds = evidence.endpoints;
    const auto leaking = std::count_if(kinds.begin(), kinds.end(), [](const EndpointGrowth& kind) { return kind.leaks; });
    if (leaking == 0 || static_cast<std::size_t>(leaking) == kinds.size()) return;
    for (const EndpointGrowth& kind : kinds)
        if (kind.leaks)
            reasons.push_back(fmt::format("{} leaks {} per request; the figures per request above are averages over all kinds",
                                          kind.endpoint, format_bytes(kind.bytes_per_request.estimate)));
}

// What is said beside the verdict on memory.
void explain(const Facts& facts, Conclusion& memory) {
    const Evidence& evidence = facts.evidence;
    std::vector<std::string>& reasons = memory.reasons;
    if (evidence.oom_kill && memory.verdict == Verdict::leak) reasons.insert(reasons.begin(), kill_reason(*evidence.oom_kill));
    const TrendVerdict& trend = evidence.trend;
    for (const std::string& reason : trend.reasons)
        // The detection limit has a row of its own in reports.
        if (!reason.starts_with("detection limit:"))
            reasons.push_back((&reason == &trend.reasons.front() ? "memory during the run: " : "memory: ") + reason);
    if (memory.verdict == Verdict::leak) explain_kinds(evidence, reasons);
    for (const std::string& retry : evidence.retries) reasons.push_back("the run was extended " + retry);
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

// What memory grows by for each that leaked, where a count leads the reasons.
std::string growth_with_count(const Facts& facts, const ResourceGrowth& count) {
    const double each = facts.memory_grows() ? late_growth(facts.evidence) / count.growth : 0;
    return fmt::format("memory grows with the {}{}", resource_words(count.resource),
                       each > 0 ? fmt::format(", by {} for each", format_bytes(each)) : "");
}

// The strongest verdict first, with its reasons; the reasons of the others follow.
Conclusion strongest(std::vector<Conclusion> conclusions) {
    std::stable_sort(conclusions.begin(), conclusions.end(),
                     [](const Conclusion& a, const Conclusion& b) { return weight(a.verdict) > weight(b.verdict); });
    Conclusion all = std::move(conclusions.front());
    const auto append = [](auto& to, auto& from) {
        to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
    };
    for (auto other = conclusions.begin() + 1; other != conclusions.end(); ++other) {
        append(all.reasons, other->reasons);
        append(all.caveats, other->caveats);
        append(all.gates, other->gates);
    }
    return all;
}

Conclusion conclude_memory(Conclusion memory, const Facts& facts) {
    explain(facts, memory);
    if (facts.evidence.max_growth) {
        Gate budget = check_budget(facts);
        memory.verdict = budget.outcome == GateOutcome::passed   ? Verdict::no_leak
                         : budget.outcome == GateOutcome::failed ? Verdict::leak
                                                                 : Verdict::inconclusive;
        memory.still_filling = false;
        memory.reasons.insert(memory.reasons.begin(), budget.message);
        memory.gates.push_back(std::move(budget));
    }
    explain_soak(facts.evidence, memory);
    return memory;
}

Conclusion conclude_measured(const Evidence& evidence, const Policy& policy) {
    if (evidence.failed()) return {Verdict::invalid, evidence.failures};
    const Facts facts(evidence);
    if (auto invalid = first_conclusion(Subject::validity, facts, policy)) return *std::move(invalid);
    std::vector<Conclusion> conclusions;
    if (auto memory = first_conclusion(Subject::memory, facts, policy)) conclusions.push_back(conclude_memory(*std::move(memory), facts));
    if (auto counts = first_conclusion(Subject::resources, facts, policy)) {
        const ResourceGrowth* reason = count_behind_memory(facts);
        if (reason != nullptr && (facts.memory_grows() || !facts.leaking.empty()) && !evidence.max_growth) {
            counts->reasons.push_back(growth_with_count(facts, *reason));
            conclusions.insert(conclusions.begin(), *std::move(counts));
        } else {
            conclusions.push_back(*std::move(counts));
        }
    }
    if (auto coverage = first_conclusion(Subject::coverage, facts, policy)) conclusions.push_back(*std::move(coverage));
    Conclusion all = strongest(std::move(conclusions));
    const std::vector<std::string> failures = failure_caveats(evidence);
    all.caveats.insert(all.caveats.begin(), failures.begin(), failures.end());
    return all;
}

// A run that is not valid shows no absence of growth, and measures none.
void withdraw_figures(Evidence& evidence) {
    TrendVerdict none;
    none.reasons = {"not judged: the run is not valid"};
    evidence.trend = std::move(none);
    std::erase_if(evidence.resources.counts, [](const ResourceGrowth& count) { return count.verdict != Trend::growing; });
    if (evidence.connections && !evidence.connections->leaks) evidence.connections.reset();
    evidence.endpoints.clear();
}

// Without a leaking line, what holds most of the new blocks may be any cache, unless memory grows and may leak.
void withdraw_holder(Diagnosis& diagnosis) {
    const bool may_leak = diagnosis.verdict != Verdict::no_leak && diagnosis.trend.verdict == Trend::growing;
    if (leaking_line(diagnosis.lines) == nullptr && !may_leak) diagnosis.held_by.reset();
}

}  // namespace

Evidence restate(Evidence measured) {
    take_replaced_blocks(measured);
    take_filled_caches(measured);
    take_small_growth(measured);
    take_object_counts(measured);
    take_heap_mappings(measured);  // after it: what the runtime says of memory decides
    project(measured);
    return measured;
}

Conclusion conclude(const Evidence& evidence, const Policy& policy) {
    Conclusion conclusion = conclude_measured(evidence, policy);
    conclusion.growth = conclusion.verdict == Verdict::invalid ? StatedGrowth{StatedGrowth::Source::none, {}} : stated_growth(evidence);
    return conclusion;
}

void judge(Diagnosis& diagnosis, const Policy& policy) {
    static_cast<Evidence&>(diagnosis) = restate(std::move(static_cast<Evidence&>(diagnosis)));
    static_cast<Conclusion&>(diagnosis) = conclude(diagnosis, policy);
    if (diagnosis.verdict == Verdict::invalid) withdraw_figures(diagnosis);
    withdraw_holder(diagnosis);
}

std::optional<std::string> memory_undecided(Evidence evidence) {
    const TrendVerdict& trend = evidence.trend;
    if (evidence.max_growth) {
        project(evidence);
        Gate budget = check_growth(at_own_rate(evidence), *evidence.max_growth);
        if (budget.outcome != GateOutcome::inconclusive) return std::nullopt;
        return std::move(budget.message);
    }
    if (trend.verdict == Trend::growing) {
        // Where no line leaks, so little is no leak yet, and the lines are not known before the recorded run.
        const auto barely = near_detection_limit(trend);
        return barely ? std::optional("memory grows, but " + *barely) : std::nullopt;
    }
    if (trend.verdict == Trend::inconclusive) return trend.reasons.empty() ? "memory over time is inconclusive" : trend.reasons.front();
    if (trend.detectable_bytes_per_request.value_or(0) > kTooCoarseBytesPerRequest) return too_coarse(trend);
    return std::nullopt;
}

}  // namespace leakline::analysis
