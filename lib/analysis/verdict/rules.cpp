#include "analysis/verdict/rules.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/quantities.hpp"
#include "base/strings.hpp"

namespace leakline::analysis {

namespace {

// In the order in which they are asked.
constexpr struct {
    Subject subject;
    std::string_view asks;
    Rule rule;
} kRules[] = {
    {Subject::validity, "most requests failed", requests_failed},
    {Subject::validity, "the replay was not valid", replay_not_valid},
    {Subject::memory, "the two speeds of a soak do not agree", soak_speeds_disagree},
    {Subject::memory, "live objects of a collected heap grow", live_objects_grow},
    {Subject::memory, "memory grows in processes that were not recorded", unrecorded_processes_grow},
    {Subject::memory, "memory grows with time in a soak", soak_grows_with_time},
    {Subject::memory, "killed at its limit before it grew", killed_before_growth},
    {Subject::memory, "lines grow with connections", lines_grow_per_connection},
    {Subject::memory, "lines grow, by far less than memory", lines_explain_too_little},
    {Subject::memory, "lines grow, and are freed without requests", queue_is_behind},
    {Subject::memory, "lines grow, as a cache that is still filling would", cache_still_filling},
    {Subject::memory, "lines grow", lines_grow},
    {Subject::memory, "lines grow, by too little to decide", lines_grow_by_too_little},
    {Subject::memory, "memory grows, and lines replace blocks older than the attach", attached_memory_grows},
    {Subject::memory, "memory grew, and lines freed as much later", growth_was_freed_later},
    {Subject::memory, "memory grows by no more than allocators retain", memory_grows_too_little},
    {Subject::memory, "memory grows, as a cache that is still filling would", memory_may_be_a_cache},
    {Subject::memory, "memory grows, and lines cannot be recorded", lines_not_recordable},
    {Subject::memory, "memory grows by less than the live heap that was not used yet", memory_used_first},
    {Subject::memory, "memory grows, lines do not", memory_grows_without_lines},
    {Subject::memory, "memory does not decide", memory_undecided_by_trend},
    {Subject::memory, "the detection limit is too coarse", detection_limit_too_coarse},
    {Subject::memory, "live objects of a collected heap do not grow", live_objects_do_not_grow},
    {Subject::memory, "a collected heap hides growth", heap_hides_growth},
    {Subject::memory, "an entry for each request of the log stayed, once", filled_by_first_pass},
    {Subject::memory, "nothing grows", nothing_grows},
    {Subject::resources, "descriptors, threads, mappings, processes or IPC objects leak", resources_leak},
    {Subject::resources, "descriptors, threads, mappings, processes or IPC objects may leak", resources_may_leak},
    {Subject::coverage, "processes that were not recorded did the work", work_was_not_recorded},
    {Subject::coverage, "one of several like processes grew, and then had little work", one_process_grew},
    {Subject::coverage, "lines of an attached recording grow, memory does not", attached_lines_unconfirmed},
    {Subject::coverage, "requests were not served", requests_not_served},
};

}  // namespace

std::optional<Conclusion> first_conclusion(Subject subject, const Facts& facts, const Policy& policy) {
    for (const auto& row : kRules) {
        if (row.subject != subject) continue;
        if (auto conclusion = row.rule(facts, policy)) return conclusion;
    }
    return std::nullopt;
}

Facts::Facts(const Evidence& of) : evidence(of) {
    for (const LineGrowth& line : of.lines.lines) {
        if (!line.leaking) continue;
        leaking.push_back(&line);
        leaking_bytes += static_cast<double>(line.growth_bytes);
        if (line.bytes_per_request) leaking_bytes_per_request += line.bytes_per_request->estimate;
        if (line.bytes_per_hour_by_time) leaking_bytes_per_hour_by_time += line.bytes_per_hour_by_time->estimate;
    }
}

bool lines_leak(const Facts& facts) { return !facts.leaking.empty() && (facts.memory_grows() || facts.leaking_bytes >= kBookkeepingBytes); }

bool lines_matter(const Facts& facts) {
    return facts.leaking_bytes_per_request >= kBookkeepingRate || facts.leaking_bytes_per_hour_by_time >= kBookkeepingPerHour;
}

std::string line_reason(const LineGrowth& line) {
    if (line.bytes_per_connection)
        return fmt::format("{} leaks {} per connection", short_place(line.at), format_bytes(line.bytes_per_connection->estimate));
    std::string text = fmt::format("live heap allocated at {} ", short_place(line.at));
    if (line.growth_class == GrowthClass::container_doubling)
        text += adds_blocks(line) ? "is an arena that takes ever larger blocks" : "is one container that keeps doubling";
    else
        text += "grew in every round";
    if (line.bytes_per_request) text += fmt::format(", by {} per request", format_bytes(line.bytes_per_request->estimate));
    if (line.bytes_per_hour_by_time)
        text += fmt::format(", {} {}/h over time, independent of requests", line.bytes_per_request ? "and by" : "by",
                            format_bytes(line.bytes_per_hour_by_time->estimate));
    return text;
}

std::string too_coarse(const TrendVerdict& trend) {
    return fmt::format("this run could detect only growth above {} per request", format_bytes(*trend.detectable_bytes_per_request));
}

}  // namespace leakline::analysis
