// A leak and a cache that is still filling look the same until the cache is full. What separates them is how many entries were
// kept: caches are bounded by a number of entries, and few bounds are above 100,000. So a run that grows is made longer until the
// lines have kept more than that (see longer_runs.cpp); where that was not possible, the verdict says that both are possible.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// A stable memory whose run would have seen this share of the lines' rate contradicts them.
constexpr double kContradicts = 0.5;
// A bare run so many times as long as the recorded one, in requests, that first grew by this share of what the lines kept, has
// seen the cache fill up and stay full.
constexpr double kLonger = 2, kFilled = 0.5;
// A container that grows in place is one block. An element takes about so much; a smaller one makes the count too low, which asks
// for a longer run.
constexpr double kBytesPerElement = 32;
constexpr std::int64_t kFewBlocks = 8;
// Of a line's allocations: with fewer freed, the line frees nothing.
constexpr double kFreedNone = 0.01;

// Bytes per request, and in all, that a heap whose lines do not grow may creep up by: fragmentation of caches that are full (6 B per
// request was measured), and arenas.
constexpr double kSmallGrowth = 8, kSmallGrowthInAll = 32 * kMiB;

bool grows_in_place(const LineGrowth& line) {
    return line.growth_class == GrowthClass::container_doubling || line.live_last_blocks - line.live_first_blocks < kFewBlocks;
}

bool frees_nothing(const LineGrowth& line) {
    const auto kept = static_cast<double>(line.live_last_blocks - line.live_first_blocks),
               allocated = static_cast<double>(line.allocations);
    return allocated > 0 && kept >= (1 - kFreedNone) * allocated;
}

bool by_time_alone(const LineGrowth& line) { return line.follows == Follows::time || line.follows == Follows::both; }

std::string settled_words(const Diagnosis& diagnosis, const LineGrowth& line) {
    return fmt::format(
        "{} still grew at the end of the recorded run, which is slower; memory had stopped growing within the {} requests of the run "
        "without the recorder, as with a cache that is full",
        place(line.at), format_count(diagnosis.replay.completed));
}

}  // namespace

double grown(const Series& series) {
    return series.size() == 0 ? 0 : *std::max_element(series.value.begin(), series.value.end()) - series.value.front();
}

bool follows_time_alone(const Evidence& evidence) {
    return !evidence.leaking.empty() &&
           std::all_of(evidence.leaking.begin(), evidence.leaking.end(), [](const LineGrowth* line) { return by_time_alone(*line); });
}

double recorded_requests(const Diagnosis& diagnosis) {
    const auto& requests = diagnosis.lines.mark_requests;
    if (requests.empty() || !requests.back()) return 0;
    return static_cast<double>(*requests.back() - requests.front().value_or(0));
}

double entries_per_request(const Evidence& evidence) {
    const double requests = recorded_requests(evidence.diagnosis);
    if (requests <= 0) return 0;
    double entries = 0, bytes_in_place = 0;
    for (const LineGrowth* line : evidence.leaking) {
        if (line->bytes_per_connection) continue;
        if (grows_in_place(*line))
            bytes_in_place = std::max(bytes_in_place, static_cast<double>(line->growth_bytes));
        else
            entries = std::max(entries, static_cast<double>(line->kept_entries));
    }
    if (entries == 0) entries = bytes_in_place / kBytesPerElement;
    // A path that allocates several times for one entry would count too many.
    return std::min(1.0, entries / requests);
}

Kept kept_by_lines(const Evidence& evidence) {
    const Diagnosis& diagnosis = evidence.diagnosis;
    // Where memory grows too, the bare run went further.
    const double requests = evidence.memory_grows() ? static_cast<double>(diagnosis.replay.completed) : recorded_requests(diagnosis);
    return {requests, requests * entries_per_request(evidence), evidence.memory_grows() ? grown(diagnosis.series) : evidence.leaking_bytes};
}

bool enough(const Kept& kept, double entries) {
    return kept.entries >= entries || (kept.bytes >= kMuchMemory && kept.entries >= kEnoughLargeEntries) || kept.bytes >= kEnoughMemory;
}

double requests_for_enough(const Kept& kept, double entries) {
    constexpr double kMore = 1.05;
    if (kept.requests <= 0) return 0;
    double times = std::numeric_limits<double>::infinity();
    if (kept.entries > 0) times = std::min(times, entries / kept.entries);
    if (kept.bytes > 0 && kept.entries > 0) times = std::min(times, std::max(kMuchMemory / kept.bytes, kEnoughLargeEntries / kept.entries));
    if (kept.bytes > 0) times = std::min(times, kEnoughMemory / kept.bytes);
    return std::isfinite(times) ? kept.requests * std::max(1.0, times * kMore) : 0;
}

bool contradicted(const Evidence& evidence) {
    const TrendVerdict& trend = evidence.diagnosis.trend;
    if (evidence.leaking.empty()) return false;
    const double least = kContradicts * evidence.leaking_bytes_per_request;
    if (does_not_grow(trend.verdict)) return trend.detectable_bytes_per_request && *trend.detectable_bytes_per_request < least;
    if (!evidence.memory_grows()) return false;
    // The heap of a cache that is full still creeps up a little. Memory that grew at the same rate from the start is no such cache, but a
    // leak of memory that is not touched.
    const double average = grown(evidence.diagnosis.series) / std::max(1.0, static_cast<double>(evidence.diagnosis.replay.completed));
    return trend.bytes_per_request && trend.bytes_per_request->high < std::min(least, kContradicts * average);
}

bool cache_has_filled(const Evidence& evidence) {
    const Diagnosis& diagnosis = evidence.diagnosis;
    return !diagnosis.soak && !follows_time_alone(evidence) && contradicted(evidence) &&
           static_cast<double>(diagnosis.replay.completed) >= kLonger * recorded_requests(diagnosis) &&
           grown(diagnosis.series) >= kFilled * evidence.leaking_bytes;
}

void take_filled_caches(Diagnosis& diagnosis) {
    if (sessions_have_filled(diagnosis)) {
        diagnosis.warnings.push_back(
            fmt::format("{} grew with the number of connections; in a run of {} connections memory stopped growing, as with a cache of "
                        "sessions that is full",
                        place(diagnosis.connections->lines.front().at), format_count(diagnosis.connections->long_run->connections)));
        const auto fills = [](LineGrowth& line) {
            if (!line.bytes_per_connection) return;
            line.bytes_per_connection.reset();
            line.leaking = false;
            line.growth_class = GrowthClass::filling_then_flat;
        };
        for (LineGrowth& line : diagnosis.lines.lines) fills(line);
        if (diagnosis.lines.headline) {
            const CodeLine& at = diagnosis.lines.headline->line.at;
            const auto& lines = diagnosis.connections->lines;
            if (std::any_of(lines.begin(), lines.end(), [&](const ConnectionGrowth::Line& line) { return line.at == at; }))
                diagnosis.lines.headline->line.leaking = false;
        }
        diagnosis.connections->leaks = false;
        diagnosis.connections->lines.clear();
    }
    const Evidence evidence(diagnosis);
    if (!cache_has_filled(evidence)) return;
    // Memory may still grow by so much: of a line of that size it is not shown that it has stopped.
    const TrendVerdict& trend = diagnosis.trend;
    const double hidden = does_not_grow(trend.verdict) ? trend.detectable_bytes_per_request.value_or(0) : trend.bytes_per_request->high;
    diagnosis.warnings.push_back(settled_words(diagnosis, line_at_fault(evidence)));
    const auto fills = [hidden](LineGrowth& line) {
        if (!line.leaking || line.bytes_per_connection) return;
        if (line.bytes_per_request && kContradicts * line.bytes_per_request->estimate <= hidden) return;
        line.leaking = false;
        line.growth_class = GrowthClass::filling_then_flat;
    };
    for (LineGrowth& line : diagnosis.lines.lines) fills(line);
    if (diagnosis.lines.headline) fills(diagnosis.lines.headline->line);
    if (Evidence(diagnosis).leaking.empty())
        for (EndpointGrowth& kind : diagnosis.endpoints) kind.leaks = false;
}

void take_small_growth(Diagnosis& diagnosis) {
    TrendVerdict& trend = diagnosis.trend;
    const Evidence evidence(diagnosis);
    const auto& rate = trend.bytes_per_request;
    const bool counted = !diagnosis.lines.mark_seconds.empty() && diagnosis.lines.unavailable.empty() && diagnosis.resources.tree.seen <= 1;
    if (does_not_grow(trend.verdict) || !evidence.leaking.empty() || !counted || diagnosis.soak || diagnosis.oom_kill ||
        diagnosis.max_growth)
        return;
    if (!rate || !(rate->high <= kSmallGrowth) || diagnosis.split.bytes_per_hour_by_time || lines_unknown(diagnosis) ||
        rate->high * static_cast<double>(diagnosis.replay.completed) >= kSmallGrowthInAll)
        return;
    trend.verdict = Trend::stable;
    trend.detectable_bytes_per_request = std::max(trend.detectable_bytes_per_request.value_or(0), rate->high);
    trend.reasons.insert(
        trend.reasons.begin(),
        fmt::format("it may grow by up to {} per request, which an allocator may hold back; no line grows", format_bytes(rate->high)));
}

bool lines_unproven(const Evidence& evidence) {
    return lines_leak(evidence) && !follows_time_alone(evidence) && !cache_has_filled(evidence) &&
           (contradicted(evidence) || (!evidence.memory_grows() && !enough(kept_by_lines(evidence))));
}

std::string hedge(const Evidence& evidence) {
    const Diagnosis& diagnosis = evidence.diagnosis;
    const double recorded = to_seconds(diagnosis.lines.window_end - diagnosis.lines.window_begin);
    const double seconds = std::max(evidence.memory_grows() ? diagnosis.series.duration() : 0, recorded);
    std::vector<std::string> same;
    const double entries = evidence.leaking.empty() ? static_cast<double>(diagnosis.replay.completed) : kept_by_lines(evidence).entries;
    if (entries >= 1 && diagnosis.split.follows != Follows::time)
        same.push_back(fmt::format("a cache bounded above {} entries", format_count(static_cast<std::uint64_t>(entries))));
    if (seconds >= 1)
        same.push_back(
            fmt::format("data freed by a timer slower than {}", format_duration(std::chrono::seconds(static_cast<std::int64_t>(seconds)))));
    if (same.empty()) return {};
    return fmt::format("{} would look the same", fmt::join(same, " or "));
}

std::string about(double count) {
    const double unit = count < 100 ? 1 : std::pow(10, std::floor(std::log10(count)) - 1);
    return format_count(static_cast<std::uint64_t>(std::llround(std::ceil(count / unit - 1e-9) * unit)));
}

std::string what_decides(const Diagnosis& diagnosis, double requests, const Policy& policy) {
    const double completed = std::max(1.0, static_cast<double>(diagnosis.replay.completed));
    const double seconds = std::max(1.0, diagnosis.series.duration()) / completed * requests;
    // Half of a minute more, as the machine may be busier then.
    const auto time = format_duration(std::chrono::minutes(static_cast<std::int64_t>(std::ceil(1.2 * seconds / 60 + 0.5))));
    std::string command = fmt::format("--max-time {}", time);
    if (!policy.extends) {
        const double per_round = completed / std::max<double>(1, static_cast<double>(diagnosis.rounds.size()));
        command = fmt::format("--rounds {:.0f}, about {}", std::ceil(requests / per_round), time);
    }
    if (const double bytes = grown(diagnosis.series) * requests / completed; bytes > kMuchMemory)
        command += fmt::format(", --max-memory {:.0f}GiB", std::ceil(1.25 * bytes / (1024 * kMiB)));
    return fmt::format("a run of {} requests would decide ({})", about(requests), command);
}

std::optional<Conclusion> cache_still_filling(const Evidence& evidence, const Policy& policy) {
    const Diagnosis& diagnosis = evidence.diagnosis;
    if (policy.filling_is_leak || diagnosis.oom_kill || diagnosis.soak || !lines_leak(evidence)) return std::nullopt;
    // What grows by itself is filled by no request.
    if (follows_time_alone(evidence)) return std::nullopt;
    Conclusion conclusion{Verdict::inconclusive, {}, {}};
    conclusion.still_filling = true;
    const LineGrowth& line = line_at_fault(evidence);
    const Kept kept = kept_by_lines(evidence);
    const auto entries = format_count(static_cast<std::uint64_t>(kept.entries));
    if (contradicted(evidence)) {
        const double requests = std::max(static_cast<double>(diagnosis.replay.completed), kLonger * kept.requests);
        conclusion.reasons.push_back(
            fmt::format("{}, but memory settled in the run without the recorder: a cache of more than {} entries fills up like "
                        "this; {}",
                        line_reason(line), entries, what_decides(diagnosis, requests, policy)));
        return conclusion;
    }
    if (enough(kept)) return std::nullopt;
    conclusion.reasons.push_back(
        fmt::format("{}; {} requests left about {} entries there{}, and a cache with a larger bound would look the same: {}",
                    line_reason(line), format_count(static_cast<std::uint64_t>(kept.requests)), entries,
                    frees_nothing(line) ? ", none freed yet" : "", what_decides(diagnosis, requests_for_enough(kept), policy)));
    if (!diagnosis.replay.fresh.empty())
        conclusion.reasons.push_back(
            fmt::format("each pass over the log has new values of {}: with --no-fresh, growth that stops after the first round is "
                        "that of a map with this key",
                        fmt::join(diagnosis.replay.fresh, ", ")));
    return conclusion;
}

std::optional<Conclusion> memory_may_be_a_cache(const Evidence& evidence, const Policy& policy) {
    const Diagnosis& diagnosis = evidence.diagnosis;
    if (policy.filling_is_leak || diagnosis.oom_kill || diagnosis.soak || !evidence.memory_grows() ||
        diagnosis.split.follows == Follows::time)
        return std::nullopt;
    const auto requests = static_cast<double>(diagnosis.replay.completed);
    if (requests >= kEnoughRequests || grown(diagnosis.series) >= kMuchMemory) return std::nullopt;
    Conclusion conclusion{Verdict::inconclusive, {}, {}};
    conclusion.still_filling = true;
    conclusion.reasons.push_back(
        fmt::format("memory grows, and a cache that had room for the {} requests of this run would look the same: {}",
                    format_count(diagnosis.replay.completed), what_decides(diagnosis, kEnoughRequests, policy)));
    if (!diagnosis.lines.unavailable.empty()) conclusion.reasons.push_back(diagnosis.lines.unavailable);
    return conclusion;
}

}  // namespace leakline::analysis
