// A leak and a cache that is still filling look the same until the cache is full. So a run that grows is made longer first, and where
// that was not possible the verdict says that both are possible.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/verdict/rules.hpp"

namespace leakline::analysis {

namespace {

// Growth that went on through so many requests outlasts the caches that services have by default (hundreds to tens of thousands of
// entries, one per request at most): a leak. The run goes on to kWantedRequests where that takes little time, for caches that only some
// of the requests fill.
constexpr double kEnoughRequests = 75'000, kWantedRequests = 150'000;
// Entries can be large and requests slow: so much memory is no cache's default either.
constexpr double kEnoughBytes = 512 * kMiB;
// How long a run may get, from its start, to reach kWantedRequests and kEnoughRequests.
constexpr double kWantedSeconds = 30, kEnoughSeconds = 60;
// A stable memory whose run would have seen this share of the lines' rate contradicts them.
constexpr double kContradicts = 0.5;

double grown(const Series& series) {
    return series.size() == 0 ? 0 : *std::max_element(series.value.begin(), series.value.end()) - series.value.front();
}

// Requests of the run that shows the growth: the recorded one alone, where memory does not show it.
double requests_seen(const Evidence& evidence) {
    const Diagnosis& diagnosis = evidence.diagnosis;
    if (evidence.memory_grows()) return static_cast<double>(diagnosis.replay.completed);
    const auto& requests = diagnosis.lines.mark_requests;
    return requests.empty() || !requests.back() ? 0 : static_cast<double>(*requests.back());
}

bool enough(const Evidence& evidence) {
    const double bytes = evidence.memory_grows() ? grown(evidence.diagnosis.series) : evidence.leaking_bytes;
    return requests_seen(evidence) >= kEnoughRequests || bytes >= kEnoughBytes;
}

bool by_time_alone(const Evidence& evidence) {
    return std::all_of(evidence.leaking.begin(), evidence.leaking.end(),
                       [](const LineGrowth* line) { return line->follows == Follows::time || line->follows == Follows::both; });
}

}  // namespace

bool contradicted(const Evidence& evidence) {
    const TrendVerdict& trend = evidence.diagnosis.trend;
    return !evidence.leaking.empty() && does_not_grow(trend.verdict) && trend.detectable_bytes_per_request &&
           *trend.detectable_bytes_per_request < kContradicts * evidence.leaking_bytes_per_request;
}

std::optional<std::string> growth_unproven(const Diagnosis& so_far, double elapsed_s) {
    if (so_far.max_growth || so_far.trend.verdict != Trend::growing) return std::nullopt;
    const double requests = so_far.series.requests.empty() ? 0 : so_far.series.requests.back();
    const double bytes = grown(so_far.series);
    if (requests >= kWantedRequests || bytes >= kEnoughBytes) return std::nullopt;
    if (elapsed_s >= kEnoughSeconds || (elapsed_s >= kWantedSeconds && requests >= kEnoughRequests)) return std::nullopt;
    return fmt::format("memory grows, which a cache that is still filling after {} requests would do too", format_count(static_cast<std::uint64_t>(requests)));
}

bool lines_unproven(const Evidence& evidence) {
    return lines_leak(evidence) && !evidence.memory_grows() && !by_time_alone(evidence) && (contradicted(evidence) || !enough(evidence));
}

double entries_kept(const Evidence& evidence) {
    const Diagnosis& diagnosis = evidence.diagnosis;
    double most = 0;
    for (const LineGrowth* line : evidence.leaking)
        most = std::max(most, static_cast<double>(line->live_last_blocks - line->live_first_blocks));
    // The bare run went further, and memory grew there too.
    const auto& requests = diagnosis.lines.mark_requests;
    if (!evidence.memory_grows() || requests.empty() || !requests.front() || !requests.back()) return most;
    const double recorded = static_cast<double>(*requests.back()) - static_cast<double>(*requests.front());
    return recorded > 0 ? std::max(most, most / recorded * static_cast<double>(diagnosis.replay.completed)) : most;
}

std::string hedge(const Evidence& evidence) {
    const Diagnosis& diagnosis = evidence.diagnosis;
    const double recorded = to_seconds(diagnosis.lines.window_end - diagnosis.lines.window_begin);
    const double seconds = std::max(evidence.memory_grows() ? diagnosis.series.duration() : 0, recorded);
    std::vector<std::string> same;
    if (const double entries = entries_kept(evidence); entries >= 1 && diagnosis.split.follows != Follows::time)
        same.push_back(fmt::format("a cache bounded above {} entries", format_count(static_cast<std::uint64_t>(entries))));
    if (seconds >= 1)
        same.push_back(fmt::format("data freed by a timer slower than {}",
                                   format_duration(std::chrono::seconds(static_cast<std::int64_t>(seconds)))));
    if (same.empty()) return {};
    return fmt::format("{} would look the same", fmt::join(same, " or "));
}

std::optional<Conclusion> cache_still_filling(const Evidence& evidence, const Policy& policy) {
    const Diagnosis& diagnosis = evidence.diagnosis;
    if (policy.filling_is_leak || diagnosis.oom_kill || diagnosis.soak || !lines_leak(evidence)) return std::nullopt;
    // What grows by itself is filled by no request.
    if (by_time_alone(evidence)) return std::nullopt;
    Conclusion conclusion{Verdict::inconclusive, {}, {}};
    conclusion.still_filling = true;
    const auto entries = format_count(static_cast<std::uint64_t>(entries_kept(evidence)));
    if (contradicted(evidence)) {
        conclusion.reasons.push_back(fmt::format(
            "{}, but in the longer run without the recorder memory settled: a cache of more than {} entries fills up like this; more rounds "
            "(--rounds) would decide",
            line_reason(*evidence.leaking.front()), entries));
        return conclusion;
    }
    if (enough(evidence)) return std::nullopt;
    const double completed = requests_seen(evidence);
    conclusion.reasons.push_back(
        fmt::format("{}; a cache bounded above {} entries would look the same: {} more requests would decide for a bound of {} entries "
                    "(--rounds, --max-memory)",
                    line_reason(*evidence.leaking.front()), entries, format_count(static_cast<std::uint64_t>(kEnoughRequests - completed)),
                    format_count(static_cast<std::uint64_t>(kEnoughRequests / 1.5))));
    return conclusion;
}

}  // namespace leakline::analysis
