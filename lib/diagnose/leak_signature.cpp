#include "diagnose/internal/leak_signature.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "model/words.hpp"

namespace leakline::diagnose {

namespace {

// Share of the whole log's growth per request below which a leak is another one: half, since memory is not exact, and since
// what else varies between two runs of a service varies by less.
constexpr double kSameShare = 0.5;

void add(Interval& sum, const Interval& more) {
    sum.estimate += more.estimate;
    sum.low += more.low;
    sum.high += more.high;
}

Interval times(const Interval& rate, double factor) { return {rate.estimate * factor, rate.low * factor, rate.high * factor}; }

// A port or a pid differs in the next run.
std::string without_digits(const std::string& name) {
    std::string out;
    for (const char c : name)
        if (c < '0' || c > '9')
            out += c;
        else if (out.empty() || out.back() != '#')
            out += '#';
    return out;
}

}  // namespace

LeakUnit LeakSignature::unit() const {
    return kind_ == Kind::connections ? LeakUnit::bytes_per_connection
           : kind_ == Kind::counts    ? LeakUnit::count_per_request
                                      : LeakUnit::bytes_per_request;
}

LeakSignature::LeakSignature(const Diagnosis& whole) {
    if (take_lines(whole)) {
        for (const ResourceGrowth& growth : whole.resources.counts)
            if (growth.verdict == Trend::growing)
                other_leaks_ += (other_leaks_.empty() ? "" : ", ") + std::string(resource_words(growth.resource));
        return;
    }
    if (take_counts(whole.resources)) return;
    partly_by_time_ = whole.split.follows != Follows::requests;
    by_time_alone_ = whole.split.follows == Follows::time;
    if (whole.trend.bytes_per_request) rate_ = *whole.trend.bytes_per_request;
}

bool LeakSignature::take_lines(const Diagnosis& whole) {
    Interval by_requests, by_connections;
    std::set<CodeLine> of_requests, of_connections;
    std::int64_t bytes_of_requests = 0, bytes_of_connections = 0;
    bool all_by_time = true, any = false;
    for (const LineGrowth& line : whole.lines.lines) {
        if (!line.leaking) continue;
        any = true;
        all_by_time = all_by_time && line.follows == Follows::time;
        if (line.bytes_per_connection) {
            of_connections.insert(line.at);
            bytes_of_connections += line.growth_bytes;
            add(by_connections, *line.bytes_per_connection);
        } else if (line.bytes_per_request) {
            of_requests.insert(line.at);
            bytes_of_requests += line.growth_bytes;
            partly_by_time_ = partly_by_time_ || line.follows != Follows::requests;
            add(by_requests, *line.bytes_per_request);
        }
    }
    by_time_alone_ = any && all_by_time;
    // The larger leak is searched. (A list of what is kept per connection grows as well, by little, and seldom enough to pass for
    // growth per request.)
    kind_ = bytes_of_connections > bytes_of_requests ? Kind::connections : Kind::lines;
    lines_ = kind_ == Kind::connections ? std::move(of_connections) : std::move(of_requests);
    rate_ = kind_ == Kind::connections ? by_connections : by_requests;
    // Lines that are a small part of what memory grew by are not its cause.
    const bool grows = whole.trend.verdict == Trend::growing && whole.trend.bytes_per_request.has_value();
    const bool small = grows && kind_ == Kind::lines && !by_time_alone_ && rate_.high < kSameShare * whole.trend.bytes_per_request->low;
    if (!small && (!lines_.empty() || by_time_alone_)) return true;
    kind_ = Kind::memory;
    lines_.clear();
    partly_by_time_ = by_time_alone_ = false;
    rate_ = {};
    return false;
}

bool LeakSignature::take_counts(const Resources& resources) {
    // A thread has a stack, which is a mapping, and may hold descriptors: the cause comes first.
    for (const Resource resource :
         {Resource::processes, Resource::threads, Resource::descriptors, Resource::ipc_objects, Resource::mappings})
        for (const ResourceGrowth& growth : resources.counts) {
            if (growth.resource != resource || growth.verdict != Trend::growing) continue;
            if (!growth.per_request && !growth.follows_time) continue;
            kind_ = Kind::counts;
            resource_ = resource;
            rate_ = growth.per_request.value_or(Interval{});
            by_time_alone_ = growth.follows_time;
            partly_by_time_ = growth.follows_time || growth.idle_growth > 0;
            for (const ResourceKind& kind : growth.kinds)
                if (kind.grows) kinds_.insert(without_digits(kind.name));
            return true;
        }
    return false;
}

bool LeakSignature::is_smaller(const Interval& rate) const { return rate.high < kSameShare * rate_.low; }

LeakSignature::Judgment LeakSignature::judge(const Diagnosis& part, const ReplayStats& traffic, Size size) const {
    switch (kind_) {
        case Kind::lines: return judge_lines(part.lines, 1, size);
        case Kind::connections: {
            if (traffic.connections == 0) return {Verdict::inconclusive, std::nullopt, "no connection was opened"};
            return judge_lines(part.lines, static_cast<double>(traffic.sent) / static_cast<double>(traffic.connections), size);
        }
        case Kind::counts: return judge_counts(part.resources, size);
        case Kind::memory: break;
    }
    return judge_memory(part.trend, size);
}

LeakSignature::Judgment LeakSignature::judge_lines(const LineReport& part, double requests_per_unit, Size size) const {
    Interval leaking, growing;
    const LineGrowth* first = nullptr;
    const LineGrowth* elsewhere = nullptr;
    for (const LineGrowth& line : part.lines) {
        if (!lines_.contains(line.at)) {
            if (line.leaking && elsewhere == nullptr) elsewhere = &line;
            continue;
        }
        if (!line.bytes_per_request) continue;
        add(growing, times(*line.bytes_per_request, requests_per_unit));
        if (!line.leaking) continue;
        add(leaking, times(*line.bytes_per_request, requests_per_unit));
        if (first == nullptr) first = &line;
    }
    const auto text = [this](const Interval& rate) { return leak_rate_text(rate.estimate, unit()); };
    if (first != nullptr) {
        if (size == Size::as_large && is_smaller(leaking))
            return {
                Verdict::no_leak, leaking,
                fmt::format("{} grew by {}, but by {} with the whole log: a different, smaller leak, or few requests that cause this one",
                            short_place(first->at), text(leaking), text(rate_)),
                true};
        return {Verdict::leak, leaking, fmt::format("{} grew in every round, by {}", short_place(first->at), text(leaking))};
    }
    // A line without requests to go by, or with an increment or two that chance may have made.
    if (growing.estimate > 0 && !is_smaller(growing))
        return {Verdict::inconclusive, std::nullopt,
                fmt::format("the lines that leak grew by {}, but not clearly until the end", text(growing))};
    if (elsewhere != nullptr)
        return {
            Verdict::no_leak, std::nullopt,
            fmt::format("{} grew, but does not leak with the whole log: the requests that free this memory may be missing from this part",
                        short_place(elsewhere->at))};
    return {Verdict::no_leak, std::nullopt, ""};
}

LeakSignature::Judgment LeakSignature::judge_counts(const Resources& part, Size size) const {
    const auto growth =
        std::find_if(part.counts.begin(), part.counts.end(), [this](const ResourceGrowth& count) { return count.resource == resource_; });
    const std::string words(resource_words(resource_));
    if (growth == part.counts.end()) return {Verdict::inconclusive, std::nullopt, words + " could not be counted"};
    if (growth->verdict == Trend::inconclusive || (growth->verdict == Trend::growing && !growth->per_request))
        return {Verdict::inconclusive, std::nullopt, growth->reasons.empty() ? words + ": inconclusive" : growth->reasons.front()};
    if (growth->verdict != Trend::growing || growth->follows_time) return {Verdict::no_leak, std::nullopt, ""};
    const ResourceKind* elsewhere = nullptr;
    bool same = kinds_.empty();
    for (const ResourceKind& kind : growth->kinds) {
        if (!kind.grows) continue;
        if (kinds_.contains(without_digits(kind.name)))
            same = true;
        else if (elsewhere == nullptr)
            elsewhere = &kind;
    }
    if (!same && elsewhere != nullptr)
        return {Verdict::no_leak, std::nullopt, fmt::format("{} grew, but does not leak with the whole log", elsewhere->name)};
    const Interval& rate = *growth->per_request;
    if (size == Size::as_large && is_smaller(rate))
        return {Verdict::no_leak, rate,
                fmt::format("{} grew by {}, but by {} with the whole log: a different, smaller leak, or few requests that cause this one",
                            words, leak_rate_text(rate.estimate, unit()), leak_rate_text(rate_.estimate, unit())),
                true};
    return {Verdict::leak, rate, fmt::format("{} grew in every round, by {}", words, leak_rate_text(rate.estimate, unit()))};
}

LeakSignature::Judgment LeakSignature::judge_memory(const TrendVerdict& trend, Size size) const {
    const std::string seen = trend.reasons.empty() ? std::string() : trend.reasons.front();
    if (trend.verdict != Trend::growing)
        return {trend.verdict == Trend::inconclusive ? Verdict::inconclusive : Verdict::no_leak, std::nullopt, seen};
    if (size == Size::as_large && trend.bytes_per_request && is_smaller(*trend.bytes_per_request))
        return {Verdict::no_leak, trend.bytes_per_request,
                fmt::format("grew by {}, but by {} with the whole log: a different, smaller leak, or few requests that cause this one",
                            leak_rate_text(trend.bytes_per_request->estimate, unit()), leak_rate_text(rate_.estimate, unit())),
                true};
    return {Verdict::leak, trend.bytes_per_request, seen};
}

}  // namespace leakline::diagnose
