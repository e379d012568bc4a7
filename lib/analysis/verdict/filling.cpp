// A leak and a cache that is still filling look the same until the cache is full. What separates them is how many entries were
// kept: caches are bounded by a number of entries, and few bounds are above 100,000. So a run that grows is made longer until the
// lines have kept more than that (see longer_runs.cpp); where that was not possible, the verdict says that both are possible.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/lines/lines.hpp"
#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// A stable memory whose run would have seen this share of the lines' rate contradicts them.
constexpr double kContradicts = 0.5;
// A bare run so many times as long as the recorded one, in requests, that first grew by this share of what the lines kept, has
// seen the cache fill up and stay full.
constexpr double kLonger = 2, kFilled = 0.5;
// A container that grows in place is one block.
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

// The passes over the log were alike to the byte, and left more entries than the log has requests: whatever in a request may be the
// key of a cache, it would have been found there again.
bool outnumbers_requests(const Evidence& evidence, double entries) {
    constexpr double kClearly = 2, kMinPasses = 3;
    const auto log = static_cast<double>(evidence.replay.log_requests);
    return log > 0 && evidence.replay.fresh.empty() && static_cast<double>(evidence.replay.read) >= kMinPasses * log &&
           entries >= kClearly * log;
}

bool by_time_alone(const LineGrowth& line) { return line.follows == Follows::time || line.follows == Follows::both; }

// What a run of so many times the requests has to be given, where it is more than this run had; 0: it is not.
struct Memory {
    double option = 0;   // --max-memory
    double machine = 0;  // free on the machine
};

Memory memory_for(const Evidence& evidence, double times, const Policy& policy) {
    constexpr double kRoom = 1.25;
    if (!policy.room || evidence.series.size() == 0) return {};
    const double needed = kRoom * (evidence.series.value.front() + grown(evidence.series) * std::max(1.0, times));
    Memory memory;
    if (needed > static_cast<double>(policy.room->ceiling)) memory.option = needed;
    if (needed > static_cast<double>(policy.room->machine)) memory.machine = needed;
    return memory;
}

// In a size that the options take, rounded up.
std::string format_memory_option(double bytes) {
    const double gib = 1024 * kMiB;
    return bytes < gib ? fmt::format("{:.0f}MiB", std::ceil(bytes / kMiB)) : fmt::format("{:.0f}GiB", std::ceil(bytes / gib));
}

std::string settled_words(const Evidence& evidence, const LineGrowth& line) {
    return fmt::format(
        "{} still grew at the end of the recorded run, which is slower; memory stopped growing within the {} requests of the run "
        "without the recorder, as it does when a cache is full",
        short_place(line.at), format_count(evidence.replay.completed));
}

}  // namespace

double grown(const Series& series) {
    return series.size() == 0 ? 0 : *std::max_element(series.value.begin(), series.value.end()) - series.value.front();
}

bool follows_time_alone(const Facts& facts) {
    double bytes = 0;
    for (const LineGrowth* line : facts.leaking)
        if (by_time_alone(*line)) bytes += static_cast<double>(line->growth_bytes);
    return bytes > 0 && bytes >= (1 - kDetail) * facts.leaking_bytes;
}

double recorded_requests(const Evidence& evidence) {
    const auto& requests = evidence.lines.mark_requests;
    if (requests.empty() || !requests.back()) return 0;
    return static_cast<double>(*requests.back() - requests.front().value_or(0));
}

double entries_per_request(const Facts& facts) {
    const double requests = recorded_requests(facts.evidence);
    if (requests <= 0) return 0;
    double entries = 0, bytes_in_place = 0;
    for (const LineGrowth* line : facts.leaking) {
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

Kept kept_by_lines(const Facts& facts) {
    const Evidence& evidence = facts.evidence;
    // Where memory grows too, the bare run went further.
    const double requests = facts.memory_grows() ? static_cast<double>(evidence.replay.completed) : recorded_requests(evidence);
    return {requests, requests * entries_per_request(facts), facts.memory_grows() ? grown(evidence.series) : facts.leaking_bytes,
            evidence.lines.runtime == Runtime::python ? kEnoughRequests : kEnoughEntries};
}

bool enough(const Kept& kept) {
    return kept.entries >= kept.enough_entries || (kept.bytes >= kMuchMemory && kept.entries >= kEnoughLargeEntries) ||
           kept.bytes >= kEnoughMemory;
}

double requests_for_enough(const Kept& kept) {
    constexpr double kMore = 1.05;
    if (kept.requests <= 0) return 0;
    double times = std::numeric_limits<double>::infinity();
    if (kept.entries > 0) times = std::min(times, kept.enough_entries / kept.entries);
    if (kept.bytes > 0 && kept.entries > 0) times = std::min(times, std::max(kMuchMemory / kept.bytes, kEnoughLargeEntries / kept.entries));
    if (kept.bytes > 0) times = std::min(times, kEnoughMemory / kept.bytes);
    return std::isfinite(times) ? kept.requests * std::max(1.0, times * kMore) : 0;
}

bool contradicted(const Facts& facts) {
    const TrendVerdict& trend = facts.evidence.trend;
    if (facts.leaking.empty()) return false;
    const double least = kContradicts * facts.leaking_bytes_per_request;
    if (does_not_grow(trend.verdict)) return trend.detectable_bytes_per_request && *trend.detectable_bytes_per_request < least;
    if (!facts.memory_grows()) return false;
    // The heap of a cache that is full still grows a little. Memory that grew at the same rate from the start is no such cache, but a
    // leak of memory that is not touched.
    const double average = grown(facts.evidence.series) / std::max(1.0, static_cast<double>(facts.evidence.replay.completed));
    return trend.bytes_per_request && trend.bytes_per_request->high < std::min(least, kContradicts * average);
}

bool cache_has_filled(const Facts& facts) {
    const Evidence& evidence = facts.evidence;
    return !evidence.soak && !follows_time_alone(facts) && contradicted(facts) &&
           static_cast<double>(evidence.replay.completed) >= kLonger * recorded_requests(evidence) &&
           grown(evidence.series) >= kFilled * facts.leaking_bytes;
}

void take_filled_caches(Evidence& evidence) {
    if (sessions_have_filled(evidence)) {
        evidence.warnings.push_back(fmt::format(
            "{} grew with the number of connections; in a run of {} connections memory stopped growing, as with a session cache "
            "that is full",
            short_place(evidence.connections->lines.front().at), format_count(evidence.connections->long_run->connections)));
        const auto fills = [](LineGrowth& line) {
            if (!line.bytes_per_connection) return;
            line.bytes_per_connection.reset();
            line.leaking = false;
            line.growth_class = GrowthClass::filling_then_flat;
        };
        for (LineGrowth& line : evidence.lines.lines) fills(line);
        if (evidence.lines.headline) {
            const CodeLine& at = evidence.lines.headline->line.at;
            const auto& lines = evidence.connections->lines;
            if (std::any_of(lines.begin(), lines.end(), [&](const ConnectionGrowth::Line& line) { return line.at == at; }))
                evidence.lines.headline->line.leaking = false;
        }
        evidence.connections->leaks = false;
        evidence.connections->lines.clear();
    }
    const Facts facts(evidence);
    if (!cache_has_filled(facts)) return;
    // Memory may still grow by so much: of a line of that size it is not shown that it has stopped.
    const TrendVerdict& trend = evidence.trend;
    const double hidden = does_not_grow(trend.verdict) ? trend.detectable_bytes_per_request.value_or(0) : trend.bytes_per_request->high;
    evidence.warnings.push_back(settled_words(evidence, main_leaking_line(facts)));
    const auto fills = [hidden](LineGrowth& line) {
        if (!line.leaking || line.bytes_per_connection) return;
        if (line.bytes_per_request && kContradicts * line.bytes_per_request->estimate <= hidden) return;
        line.leaking = false;
        line.growth_class = GrowthClass::filling_then_flat;
    };
    for (LineGrowth& line : evidence.lines.lines) fills(line);
    if (evidence.lines.headline) fills(evidence.lines.headline->line);
    if (Facts(evidence).leaking.empty())
        for (EndpointGrowth& kind : evidence.endpoints) kind.leaks = false;
}

void take_small_growth(Evidence& evidence) {
    TrendVerdict& trend = evidence.trend;
    const Facts facts(evidence);
    const auto& rate = trend.bytes_per_request;
    const bool counted = !evidence.lines.mark_seconds.empty() && evidence.lines.unavailable.empty() && evidence.resources.tree.seen <= 1;
    if (does_not_grow(trend.verdict) || !facts.leaking.empty() || !counted || evidence.soak || evidence.oom_kill || evidence.max_growth)
        return;
    if (!rate || !(rate->high <= kSmallGrowth) || evidence.split.bytes_per_hour_by_time || lines_unknown(evidence) ||
        rate->high * static_cast<double>(evidence.replay.completed) >= kSmallGrowthInAll)
        return;
    trend.verdict = Trend::stable;
    trend.detectable_bytes_per_request = std::max(trend.detectable_bytes_per_request.value_or(0), rate->high);
    trend.reasons.insert(
        trend.reasons.begin(),
        fmt::format("it may grow by up to {} per request, which an allocator may retain; no line grows", format_bytes(rate->high)));
}

bool lines_unproven(const Facts& facts) {
    return lines_leak(facts) && !follows_time_alone(facts) && !cache_has_filled(facts) &&
           (contradicted(facts) || (!facts.memory_grows() && !enough(kept_by_lines(facts))));
}

std::string alternative_explanation(const Facts& facts) {
    const Evidence& evidence = facts.evidence;
    // What nothing refers to any more is in no cache and on no timer's list. (Of Python's cycles a collection may still come.)
    if (evidence.held_by && evidence.held_by->lost_bytes > 0 && evidence.lines.runtime == Runtime::native) return {};
    const double recorded = to_seconds(evidence.lines.window_end - evidence.lines.window_begin);
    const double seconds = std::max(facts.memory_grows() ? evidence.series.duration() : 0, recorded);
    std::vector<std::string> same;
    const double entries = facts.leaking.empty() ? static_cast<double>(evidence.replay.completed) : kept_by_lines(facts).entries;
    if (entries >= 1 && evidence.split.follows != Follows::time)
        same.push_back(fmt::format("a {} with a limit of more than {} entries",
                                   outnumbers_requests(evidence, entries) ? "queue or history" : "cache",
                                   format_count(static_cast<std::uint64_t>(entries))));
    if (seconds >= 1)
        same.push_back(fmt::format("data that a timer frees after more than {}",
                                   format_duration(std::chrono::seconds(static_cast<std::int64_t>(seconds)))));
    if (same.empty()) return {};
    return fmt::format("{} would look the same", fmt::join(same, " or "));
}

std::string about(double count) {
    const double unit = count < 100 ? 1 : std::pow(10, std::floor(std::log10(count)) - 1);
    return format_count(static_cast<std::uint64_t>(std::llround(std::ceil(count / unit - 1e-9) * unit)));
}

std::string what_decides(const Evidence& evidence, double requests, const Policy& policy) {
    const double completed = std::max(1.0, static_cast<double>(evidence.replay.completed));
    const double seconds = std::max(1.0, evidence.series.duration()) / completed * requests;
    // Half of a minute more, as the machine may be busier then.
    const auto time = format_duration(std::chrono::minutes(static_cast<std::int64_t>(std::ceil(1.2 * seconds / 60 + 0.5))));
    std::string command = fmt::format("--max-time {}", time);
    if (!policy.extends) {
        const double per_round = completed / std::max<double>(1, static_cast<double>(evidence.rounds.size()));
        command = fmt::format("--rounds {:.0f}, about {}", std::ceil(requests / per_round), time);
    }
    const Memory memory = memory_for(evidence, requests / completed, policy);
    if (memory.option > 0) command += ", --max-memory " + format_memory_option(memory.option);
    const std::string elsewhere = memory.machine > 0
                                      ? fmt::format(" on a machine with at least {} of free memory", format_memory_option(memory.machine))
                                      : std::string();
    return fmt::format("to decide, run at least {} requests{} ({})", about(requests), elsewhere, command);
}

std::optional<Conclusion> cache_still_filling(const Facts& facts, const Policy& policy) {
    const Evidence& evidence = facts.evidence;
    if (policy.filling_is_leak || evidence.oom_kill || evidence.soak || !lines_leak(facts)) return std::nullopt;
    // What grows by itself is filled by no request.
    if (follows_time_alone(facts)) return std::nullopt;
    Conclusion conclusion{Verdict::inconclusive, {}, {}};
    conclusion.still_filling = true;
    const LineGrowth& line = main_leaking_line(facts);
    const Kept kept = kept_by_lines(facts);
    const auto entries = format_count(static_cast<std::uint64_t>(kept.entries));
    if (contradicted(facts)) {
        const double requests = std::max(static_cast<double>(evidence.replay.completed), kLonger * kept.requests);
        conclusion.reasons.push_back(
            fmt::format("{}, but memory leveled off in the run without the recorder: a cache of more than {} entries would look like "
                        "this; {}",
                        line_reason(line), entries, what_decides(evidence, requests, policy)));
        return conclusion;
    }
    if (enough(kept)) return std::nullopt;
    const bool no_keys = outnumbers_requests(evidence, kept.entries);
    conclusion.reasons.push_back(
        fmt::format("{}; {} requests left about {} entries there{}; a {} with a higher limit would look the same; {}", line_reason(line),
                    format_count(static_cast<std::uint64_t>(kept.requests)), entries, frees_nothing(line) ? ", none freed yet" : "",
                    no_keys ? "queue or history" : "cache", what_decides(evidence, requests_for_enough(kept), policy)));
    if (no_keys)
        conclusion.reasons.push_back(
            fmt::format("a cache whose keys are in the requests is ruled out: the {} requests of the log were repeated unchanged, "
                        "and left more entries than the log has requests",
                        format_count(evidence.replay.log_requests)));
    if (!evidence.replay.fresh.empty())
        conclusion.reasons.push_back(fmt::format(
            "{} gets new values each time the log is repeated; if growth stops after the first round with --no-fresh, the cause is "
            "a map with this key",
            fmt::join(evidence.replay.fresh, ", ")));
    return conclusion;
}

std::optional<Conclusion> memory_may_be_a_cache(const Facts& facts, const Policy& policy) {
    const Evidence& evidence = facts.evidence;
    if (policy.filling_is_leak || evidence.oom_kill || evidence.soak || !facts.memory_grows() || evidence.split.follows == Follows::time)
        return std::nullopt;
    const auto requests = static_cast<double>(evidence.replay.completed);
    if (requests >= kEnoughRequests || grown(evidence.series) >= kMuchMemory) return std::nullopt;
    Conclusion conclusion{Verdict::inconclusive, {}, {}};
    conclusion.still_filling = true;
    conclusion.reasons.push_back(
        fmt::format("memory grows, but a cache that is not full after the {} requests of this run would look the same; {}",
                    format_count(evidence.replay.completed), what_decides(evidence, kEnoughRequests, policy)));
    if (!evidence.lines.unavailable.empty()) conclusion.reasons.push_back(evidence.lines.unavailable);
    return conclusion;
}

}  // namespace leakline::analysis
