#include "analysis/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/growth_gate.hpp"

namespace leakline::analysis {

namespace {

// Growth of live bytes below this, where memory itself shows nothing, is taken for the bookkeeping of a service that
// still warms up (log buffers, connection state), not for a leak.
constexpr double kBookkeepingBytes = 64 * 1024;
// And where it is less than this many bytes a request, it is no leak either: a healthy service's odds and ends.
constexpr double kBookkeepingRate = 1;
// Share of answers that must be successes for the run to have exercised the service at all, and to be beyond doubt.
constexpr double kLanded = 0.5, kLandedWell = 0.95;

struct Landing {
    std::uint64_t sent = 0, succeeded = 0;
    std::string most_common_failure;  // "404 (812 times)"
};

Landing landing_of(const ReplayStats& replay) {
    Landing landing;
    landing.sent = replay.sent;
    std::uint64_t most = 0;
    const auto consider = [&](std::uint64_t count, const std::string& name) {
        if (count <= most) return;
        most = count;
        landing.most_common_failure = fmt::format("{} ({} times)", name, format_count(count));
    };
    for (const auto& [status, count] : replay.statuses) {
        if (status < 400)
            landing.succeeded += count;
        else
            consider(count, fmt::format("status {}", status));
    }
    for (std::size_t i = 0; i < kFailureCount; ++i)
        consider(replay.failures[i], std::string(failure_name(static_cast<Failure>(i))));
    return landing;
}

std::string place(const CodeLine& at) {
    if (at.file.empty()) return at.function.empty() ? "an unknown place" : at.function;
    const std::string_view base = file_name(at.file);
    if (at.line != 0) return fmt::format("{}:{}", base, at.line);
    return at.function.empty() ? std::string(base) : fmt::format("{} in {}", at.function, base);
}

// Every line that the line analysis calls leaking; the list is sorted by growth.
std::vector<const LineGrowth*> leaking_lines(const LineReport& report) {
    std::vector<const LineGrowth*> lines;
    for (const LineGrowth& line : report.lines)
        if (line.leaking) lines.push_back(&line);
    return lines;
}

std::string line_reason(const LineGrowth& line) {
    std::string text = fmt::format("live heap bytes of {} ", place(line.at));
    if (line.growth_class == GrowthClass::container_doubling)
        text += "are one container that keeps doubling";
    else
        text += "grew in every round to the end";
    if (line.bytes_per_request)
        text += fmt::format(", by {} a request", format_bytes(line.bytes_per_request->estimate));
    return text;
}

// What the leaking lines come to together.
struct LineSum {
    double bytes = 0, rate = 0;  // rate: per request
};

LineSum sum_of(const std::vector<const LineGrowth*>& lines) {
    LineSum sum;
    for (const LineGrowth* line : lines) {
        sum.bytes += static_cast<double>(line->growth_bytes);
        if (line->bytes_per_request) sum.rate += line->bytes_per_request->estimate;
    }
    return sum;
}

bool lines_leak(const LineSum& sum, bool any, Trend memory) {
    return any && (memory == Trend::growing || sum.bytes >= kBookkeepingBytes);
}

// Memory that the heap alone can account for, although no line grows to the end: what lines held at their most, and had not
// held at the first mark. A cache that is cleaned by the clock grows through a run that is shorter than its entries live.
constexpr double kExplains = 0.5;  // of the growth: the recorded run is slower, and not of the same length

const LineGrowth* line_behind(const Diagnosis& diagnosis) {
    const Series& series = diagnosis.series;
    if (series.size() == 0) return nullptr;
    double first = series.value.front();
    for (std::size_t i = 0; !diagnosis.rounds.empty() && i < series.size() && series.seconds[i] <= diagnosis.rounds.front().end_s; ++i)
        first = series.value[i];
    const double growth = *std::max_element(series.value.begin(), series.value.end()) - first;
    const auto held = [](const LineGrowth& line) { return static_cast<double>(line.live_peak_bytes - line.live_first_bytes); };
    double sum = 0;
    const LineGrowth* most = nullptr;
    for (const LineGrowth& line : diagnosis.lines.lines) {
        if (line.leaking || held(line) <= 0) continue;
        sum += held(line);
        if (most == nullptr || held(line) > held(*most)) most = &line;
    }
    return growth > 0 && sum >= kExplains * growth ? most : nullptr;
}

std::string behind_words(const LineGrowth& line) {
    return fmt::format("memory grew to the end of the first run, but in the recorded one the heap bytes behind it ({}, up to {}) stopped growing or "
                       "were freed again, as those of a cache that is cleaned by the clock: longer rounds (--min-round) would decide",
                       place(line.at), format_bytes(static_cast<double>(line.live_peak_bytes)));
}

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

std::string too_coarse(const TrendVerdict& trend) {
    return fmt::format("this run could only have seen growth above {} a request", format_bytes(*trend.detectable_bytes_per_request));
}

// What production would see, which serves the traffic at the log's own rate and not at that of the run.
void project(Diagnosis& diagnosis) {
    TrendVerdict& trend = diagnosis.trend;
    trend.time_to_limit_h.reset();
    if (!trend.bytes_per_request || !diagnosis.requests_per_second) return;
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

// The trend as it would be at the log's own rate: what a budget per hour speaks of.
TrendVerdict at_own_rate(const Diagnosis& diagnosis) {
    TrendVerdict trend = diagnosis.trend;
    if (!diagnosis.projected_bytes_per_hour) return trend;
    trend.slope_bytes_per_hour = *diagnosis.projected_bytes_per_hour;
    if (trend.detectable_bytes_per_request)
        trend.detectable_bytes_per_hour = *trend.detectable_bytes_per_request * *diagnosis.requests_per_second * 3600;
    return trend;
}

// Growth of the leaking lines in the unit of the budget; nothing where it cannot be told.
std::optional<double> growth_of(const std::vector<const LineGrowth*>& lines, const Diagnosis& diagnosis, Growth::Per per) {
    double sum = 0;
    for (const LineGrowth* line : lines) {
        if (!line->bytes_per_request) return std::nullopt;
        sum += line->bytes_per_request->low;
    }
    if (per == Growth::Per::request) return sum;
    if (!diagnosis.requests_per_second) return std::nullopt;
    return sum * *diagnosis.requests_per_second * 3600;
}

void judge_budget(Diagnosis& diagnosis, const std::vector<const LineGrowth*>& lines) {
    const Growth& budget = *diagnosis.max_growth;
    GateResult result = check_growth(at_own_rate(diagnosis), budget);
    // Live bytes are counted, not estimated: lines that grow by more than the budget fail it whatever memory shows.
    const auto by_lines = growth_of(lines, diagnosis, budget.per);
    if (result.gate != Gate::failed && !lines.empty() && by_lines && *by_lines > budget.bytes) {
        const char* per = budget.per == Growth::Per::request ? "request" : "h";
        result.gate = Gate::failed;
        result.reason = fmt::format("the leaking lines alone grow by {}/{}, above the budget of {}/{}",
                                    format_bytes(*by_lines), per, format_bytes(budget.bytes), per);
    }
    using Outcome = leakline::Gate::Outcome;
    const bool passed = result.gate == Gate::passed, failed = result.gate == Gate::failed;
    diagnosis.verdict = passed ? Verdict::no_leak : failed ? Verdict::leak : Verdict::inconclusive;
    diagnosis.gates.push_back({fmt::format("growth at most {}{}", format_bytes(budget.bytes),
                                           budget.per == Growth::Per::request ? "/request" : "/h"),
                               passed ? Outcome::passed : failed ? Outcome::failed : Outcome::inconclusive, result.reason});
    diagnosis.reasons.insert(diagnosis.reasons.begin(), std::move(result.reason));
}

}  // namespace

std::optional<std::string> landing_fault(const ReplayStats& replay) {
    const Landing landing = landing_of(replay);
    if (landing.sent == 0) return "no request was sent";
    const double share = static_cast<double>(landing.succeeded) / static_cast<double>(landing.sent);
    if (share >= kLanded) return std::nullopt;
    return fmt::format("the traffic did not land: {:.0f} % of {} requests succeeded, most often {}", std::floor(share * 100),
                       format_count(landing.sent), landing.most_common_failure);
}

void conclude(Diagnosis& diagnosis) {
    project(diagnosis);
    if (diagnosis.verdict == Verdict::invalid) return;
    if (const auto fault = landing_fault(diagnosis.replay); fault && !diagnosis.oom_kill) {
        diagnosis.verdict = Verdict::invalid;
        diagnosis.reasons.push_back(*fault);
        return;
    }
    if (!diagnosis.replay.valid && !diagnosis.oom_kill) {
        diagnosis.verdict = Verdict::invalid;
        for (const std::string& reason : diagnosis.replay.reasons)
            diagnosis.reasons.push_back("the traffic was not sent as it was meant to be: " + reason);
        if (diagnosis.replay.reasons.empty()) diagnosis.reasons.emplace_back("the replay was not valid");
        return;
    }
    const Landing landing = landing_of(diagnosis.replay);
    const double share = static_cast<double>(landing.succeeded) / static_cast<double>(std::max<std::uint64_t>(landing.sent, 1));
    if (share < kLandedWell && !diagnosis.oom_kill)
        diagnosis.warnings.push_back(fmt::format("{:.1f} % of {} requests did not succeed, most often {}",
                                                 (1 - share) * 100, format_count(landing.sent),
                                                 landing.most_common_failure));

    const TrendVerdict& trend = diagnosis.trend;
    const auto lines = leaking_lines(diagnosis.lines);
    const LineSum sum = sum_of(lines);

    if (diagnosis.oom_kill) {
        const OomKill& kill = *diagnosis.oom_kill;
        std::string reason = fmt::format("the service was {} after {:.1f} s and {} requests", kill.text, kill.at_s,
                                         format_count(kill.requests));
        if (kill.predicted_at_s && kill.predicted_requests)
            reason += fmt::format("; the first half of its requests predicted {:.1f} s and {:.0f} [{:.0f}, {:.0f}] requests",
                                  kill.predicted_at_s->estimate, kill.predicted_requests->estimate,
                                  kill.predicted_requests->low, kill.predicted_requests->high);
        diagnosis.reasons.push_back(reason);
    }
    if (lines_leak(sum, !lines.empty(), trend.verdict)) {
        diagnosis.verdict = Verdict::leak;
        diagnosis.reasons.push_back(line_reason(*lines.front()));
        if (trend.verdict != Trend::growing)
            diagnosis.reasons.push_back(fmt::format("memory as a whole does not show it yet ({})", trend_name(trend.verdict)));
    } else if (sum.rate >= kBookkeepingRate) {
        diagnosis.verdict = Verdict::inconclusive;
        diagnosis.reasons.push_back(fmt::format("{}, but by only {} in all, too little to tell from a service that still warms "
                                                "up: more requests would decide",
                                                line_reason(*lines.front()), format_bytes(sum.bytes)));
    } else if (const LineGrowth* line = trend.verdict == Trend::growing ? line_behind(diagnosis) : nullptr) {
        diagnosis.verdict = Verdict::inconclusive;
        diagnosis.reasons.push_back(behind_words(*line));
    } else if (trend.verdict == Trend::growing) {
        diagnosis.verdict = Verdict::leak;
        diagnosis.reasons.push_back(
            "memory grows to the end, but no line's live heap bytes do: it grows outside of what the recorder sees (mmap, "
            "thread stacks, fragmentation, an allocator that is not malloc)");
    } else if (trend.verdict == Trend::inconclusive) {
        diagnosis.verdict = Verdict::inconclusive;
        diagnosis.reasons.push_back("memory over time allows both answers, and no line's live heap bytes grow to the end");
    } else if (trend.detectable_bytes_per_request.value_or(0) > kTooCoarseBytesPerRequest) {
        diagnosis.verdict = Verdict::inconclusive;
        diagnosis.reasons.push_back(fmt::format("after {} requests {}: more requests would decide",
                                                format_count(diagnosis.replay.completed), too_coarse(trend)));
    } else {
        diagnosis.verdict = Verdict::no_leak;
        // A soak whose memory is flat at both speeds has no recorded run.
        const bool unrecorded = diagnosis.soak && diagnosis.soak->growth == Soak::Growth::none;
        std::string reason =
            unrecorded ? fmt::format("memory is {}", trend_name(trend.verdict))
                       : fmt::format("no line's live heap bytes grow to the end{}, and memory is {}",
                                     lines.empty() ? "" : " by a byte a request", trend_name(trend.verdict));
        if (trend.detectable_bytes_per_request)
            reason += fmt::format(": no leak above {} a request", format_bytes(*trend.detectable_bytes_per_request));
        else if (trend.detectable_bytes_per_hour)
            reason += fmt::format(": no leak above {}/h", format_bytes(*trend.detectable_bytes_per_hour));
        diagnosis.reasons.push_back(reason);
    }
    for (const std::string& reason : trend.reasons)
        diagnosis.reasons.push_back((&reason == &trend.reasons.front() ? "memory, at the pace of the run: " : "memory: ") + reason);
    // A soak's clock may have run faster than ours.
    if (diagnosis.verdict == Verdict::leak && !lines.empty() && !diagnosis.soak)
        if (auto words = nothing_freed(diagnosis.lines, *lines.front())) diagnosis.reasons.push_back(std::move(*words));
    for (const std::string& retry : diagnosis.retries)
        diagnosis.reasons.push_back("more rounds were asked for " + retry);
    if (diagnosis.max_growth) judge_budget(diagnosis, lines);
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
    const auto lines = leaking_lines(diagnosis.lines);
    const LineSum sum = sum_of(lines);
    if (sum.rate < kBookkeepingRate || lines_leak(sum, !lines.empty(), diagnosis.trend.verdict)) return std::nullopt;
    return fmt::format("{}, by only {} in all", line_reason(*lines.front()), format_bytes(sum.bytes));
}

}  // namespace leakline::analysis
