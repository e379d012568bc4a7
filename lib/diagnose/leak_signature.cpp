#include "diagnose/leak_witness.hpp"

#include <fmt/format.h>

namespace leakline::diagnose {

namespace {

// Share of the whole log's growth a request below which a leak is another one: half, since memory is not exact, and since
// what else varies between two runs of a service varies by less.
constexpr double kSameShare = 0.5;

void add(Interval& sum, const Interval& more) {
    sum.estimate += more.estimate;
    sum.low += more.low;
    sum.high += more.high;
}

std::string place(const CodeLine& at) {
    if (at.line != 0) return fmt::format("{}:{}", file_name(at.file), at.line);
    return at.function.empty() ? std::string(file_name(at.file)) : at.function;
}

}  // namespace

LeakWitness::LeakWitness(const Diagnosis& whole) {
    Interval by_lines;
    for (const LineGrowth& line : whole.lines.lines) {
        if (!line.leaking || !line.bytes_per_request) continue;
        lines_.insert(line.at);
        partly_by_time_ = partly_by_time_ || line.follows != Follows::requests;
        add(by_lines, *line.bytes_per_request);
    }
    const bool grows = whole.trend.verdict == Trend::growing && whole.trend.bytes_per_request.has_value();
    if (grows && by_lines.high < kSameShare * whole.trend.bytes_per_request->low) lines_.clear();
    if (lines_.empty()) partly_by_time_ = whole.split.follows != Follows::requests;
    if (!lines_.empty()) rate_ = by_lines;
    else if (grows) rate_ = *whole.trend.bytes_per_request;
}

bool LeakWitness::is_smaller(const Interval& rate) const { return rate.high < kSameShare * rate_.low; }

LeakWitness::Judgement LeakWitness::judge(const Diagnosis& part, Size size) const {
    return by_lines() ? judge_lines(part.lines, size) : judge_memory(part.trend, size);
}

LeakWitness::Judgement LeakWitness::judge_lines(const LineReport& part, Size size) const {
    Interval leaking, growing;
    const LineGrowth* first = nullptr;
    const LineGrowth* elsewhere = nullptr;
    for (const LineGrowth& line : part.lines) {
        if (!lines_.contains(line.at)) {
            if (line.leaking && elsewhere == nullptr) elsewhere = &line;
            continue;
        }
        if (!line.bytes_per_request) continue;
        add(growing, *line.bytes_per_request);
        if (!line.leaking) continue;
        add(leaking, *line.bytes_per_request);
        if (first == nullptr) first = &line;
    }
    const auto per_request = [](const Interval& rate) { return format_bytes(rate.estimate) + " per request"; };
    if (first != nullptr) {
        if (size == Size::as_large && is_smaller(leaking))
            return {Verdict::no_leak, leaking,
                    fmt::format("{} grew by {}, the whole log by {}: another, smaller leak, or few requests with this one", place(first->at),
                                per_request(leaking), per_request(rate_)),
                    true};
        return {Verdict::leak, leaking, fmt::format("{} grew in every round, by {}", place(first->at), per_request(leaking))};
    }
    // A line without requests to go by, or with an increment or two that chance may have made.
    if (growing.estimate > 0 && !is_smaller(growing))
        return {Verdict::inconclusive, std::nullopt,
                fmt::format("the lines that leak grew by {}, but not clearly to the end", per_request(growing))};
    if (elsewhere != nullptr)
        return {Verdict::no_leak, std::nullopt,
                fmt::format("{} grew, which does not leak in the whole log: requests are missing that free what these allocate",
                            place(elsewhere->at))};
    return {Verdict::no_leak, std::nullopt, ""};
}

LeakWitness::Judgement LeakWitness::judge_memory(const TrendVerdict& trend, Size size) const {
    const std::string seen = trend.reasons.empty() ? std::string() : trend.reasons.front();
    if (trend.verdict != Trend::growing)
        return {trend.verdict == Trend::inconclusive ? Verdict::inconclusive : Verdict::no_leak, std::nullopt, seen};
    if (size == Size::as_large && trend.bytes_per_request && is_smaller(*trend.bytes_per_request))
        return {Verdict::no_leak, trend.bytes_per_request,
                fmt::format("grew by {} per request, the whole log by {}: another, smaller leak, or few requests with this one",
                            format_bytes(trend.bytes_per_request->estimate), format_bytes(rate_.estimate)),
                true};
    return {Verdict::leak, trend.bytes_per_request, seen};
}

}  // namespace leakline::diagnose
