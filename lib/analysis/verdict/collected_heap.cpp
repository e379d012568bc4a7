// Rules about the live objects of a collected heap, which its runtime counts.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

constexpr std::size_t kNamedClasses = 3;
// Of the growth: a class with less is not worth a name.
constexpr double kShare = 0.05;

std::string class_words(const CollectedHeap& heap) {
    const double requests = heap.mark_requests.back() - heap.mark_requests.front();
    std::string text;
    std::size_t named = 0;
    for (const CollectedHeap::Class& type : heap.classes) {
        if (named == kNamedClasses || type.growth_bytes < kShare * heap.growth_bytes) break;
        const std::string objects = fmt::format("{:.2g}", type.growth_objects / requests);
        text += fmt::format("{}{} ({} in {} object{})", named++ == 0 ? "" : ", ", type.name, format_bytes(type.growth_bytes / requests),
                            objects, objects == "1" ? "" : "s");
    }
    return text;
}

std::string growth_words(const CollectedHeap& heap) {
    const std::string classes = class_words(heap);
    return fmt::format("{}'s live objects grow by {} per request, counted after a full collection in each of {} rounds{}", heap.runtime,
                       format_bytes(heap.bytes_per_request->estimate), heap.live_bytes.size() - 1,
                       classes.empty() ? "" : ": per request, " + classes);
}

}  // namespace

bool objects_decide(const Evidence& evidence) {
    const auto& heap = evidence.collected;
    return heap && heap->verdict != Trend::inconclusive && heap->bytes_per_request &&
           (heap->verdict == Trend::growing ||
            (heap->detectable_bytes_per_request && *heap->detectable_bytes_per_request <= kHiddenBytesPerRequest));
}

bool objects_grow(const Evidence& evidence) { return objects_decide(evidence) && evidence.collected->verdict == Trend::growing; }

void take_object_counts(Evidence& evidence) {
    if (!objects_decide(evidence) || objects_grow(evidence) || evidence.oom_kill) return;
    TrendVerdict& trend = evidence.trend;
    const CollectedHeap& heap = *evidence.collected;
    if (!does_not_grow(trend.verdict)) {
        // A heap that is not collected yet grows to its next collection.
        if (heap.memory_verdict != Trend::stable || !heap.memory_bytes_per_request) return;
        const Interval& growth = *heap.memory_bytes_per_request;
        const double hours = (heap.mark_seconds.back() - heap.mark_seconds.front()) / 3600;
        const double hourly = hours > 0 ? (heap.mark_requests.back() - heap.mark_requests.front()) / hours : 0;
        trend.verdict = Trend::stable;
        trend.bytes_per_request = growth;
        trend.slope_bytes_per_hour = {growth.estimate * hourly, growth.low * hourly, growth.high * hourly};
        trend.detectable_bytes_per_request = heap.memory_detectable_bytes_per_request;
        trend.detectable_bytes_per_hour = *heap.memory_detectable_bytes_per_request * hourly;
        trend.reasons.insert(trend.reasons.begin(), fmt::format("after full collections it does not grow ({} at the end)",
                                                                format_bytes(heap.memory_bytes.back())));
    }
    auto& limit = trend.detectable_bytes_per_request;
    limit = std::max(limit.value_or(0), *heap.detectable_bytes_per_request);
}

Kept kept_by_objects(const Evidence& evidence) {
    const CollectedHeap& heap = *evidence.collected;
    double objects = 0;
    for (const CollectedHeap::Class& type : heap.classes) objects = std::max(objects, type.growth_objects);
    // The rounds before were the same traffic.
    const double counted = heap.mark_requests.back() - heap.mark_requests.front(), requests = heap.mark_requests.back();
    return {requests, std::min(requests, objects * requests / counted), heap.growth_bytes * requests / counted, kEnoughRequests};
}

std::optional<std::string> objects_undecided(const Evidence& so_far, const Policy& policy) {
    if (!so_far.collected) return std::nullopt;
    if (!objects_decide(so_far)) return "the counts of live objects are inconclusive so far";
    if (objects_grow(so_far) && !policy.filling_is_leak && !enough(kept_by_objects(so_far)))
        return "live objects grow, as they would in a cache that is still filling";
    if (!objects_grow(so_far) && !does_not_grow(so_far.trend.verdict) &&
        so_far.collected->memory_detectable_bytes_per_request.value_or(0) > kTooCoarseBytesPerRequest)
        return "memory after full collections is inconclusive so far";
    return std::nullopt;
}

std::optional<Conclusion> live_objects_grow(const Facts& facts, const Policy& policy) {
    const Evidence& evidence = facts.evidence;
    if (!objects_grow(evidence) || evidence.max_growth) return std::nullopt;
    std::string words = growth_words(*evidence.collected);
    const Kept kept = kept_by_objects(evidence);
    Conclusion conclusion{Verdict::leak, {}, {}};
    if (!policy.filling_is_leak && !evidence.oom_kill && !enough(kept)) {
        conclusion.verdict = Verdict::inconclusive;
        conclusion.still_filling = true;
        words +=
            fmt::format("; a cache of more than {} entries would look the same: {}", format_count(static_cast<std::uint64_t>(kept.entries)),
                        what_decides(evidence, requests_for_enough(kept), policy));
    } else {
        words += fmt::format("; a cache with a limit of more than {} entries would look the same",
                             format_count(static_cast<std::uint64_t>(kept.entries)));
    }
    conclusion.reasons.push_back(std::move(words));
    if (!facts.memory_grows())
        conclusion.reasons.push_back(fmt::format("total memory does not show it yet ({})", trend_name(evidence.trend.verdict)));
    return conclusion;
}

std::optional<Conclusion> live_objects_do_not_grow(const Facts& facts, const Policy&) {
    const Evidence& evidence = facts.evidence;
    if (!objects_decide(evidence) || evidence.collected->verdict == Trend::growing || facts.memory_grows() || evidence.max_growth)
        return std::nullopt;
    const CollectedHeap& heap = *evidence.collected;
    return Conclusion{
        Verdict::no_leak,
        {fmt::format("{}'s live objects do not grow ({} after a full collection in each of {} rounds), and memory is {}", heap.runtime,
                     format_bytes(heap.live_bytes.back()), heap.live_bytes.size() - 1, trend_name(evidence.trend.verdict))},
        {}};
}

}  // namespace leakline::analysis
