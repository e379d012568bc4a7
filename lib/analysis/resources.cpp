#include "analysis/resources.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/lines/internal/growth.hpp"
#include "analysis/resource_words.hpp"

namespace leakline::analysis {

namespace {

constexpr std::size_t kMinMarks = 4, kMinGroups = 4;
constexpr std::size_t kMaxKinds = 8;
// Growth below this is a service's warm-up: a second log file, a helper thread. Mappings vary with the
// allocator's arenas.
constexpr double kMinCountGrowth = 16, kMinMappings = 64;
// Pools and caches of descriptors and threads are seldom larger: what has grown by less is given time to fill up.
constexpr double kLargestPool = 1000;
// Of the level: growth that is no steady climb matters from here on.
constexpr double kNoticeable = 0.1;
constexpr double kSecondsPerHour = 3600;
// Rounds of a run by default.
constexpr std::size_t kUsualRounds = 8;
// Where the marks are too few for the test: a leak of less than one per 20 requests must be seen, or nothing is said.
constexpr double kTooCoarse = 0.05;

double least_of(Resource resource) { return resource == Resource::mappings ? kMinMappings : kMinCountGrowth; }

struct Grouping {
    std::size_t together = 1, groups = 0;
};

// Groups of marks, aligned to the last.
std::vector<Grouping> groupings(std::size_t marks) {
    std::vector<Grouping> out;
    if (marks < kMinMarks) return out;
    for (std::size_t together = 1; together == 1 || (marks - 1) / together >= kMinGroups; ++together)
        out.push_back({together, (marks - 1) / together});
    return out;
}

bool rises(std::span<const double> counts, const Grouping& grouping) {
    for (std::size_t g = 0; g < grouping.groups; ++g) {
        const std::size_t to = counts.size() - 1 - g * grouping.together;
        if (counts[to] <= counts[to - grouping.together]) return false;
    }
    return true;
}

// That a level which only fluctuates rises in every group, after so many groupings were tried.
double chance_of(const Grouping& grouping, double tried) {
    return std::min(1.0, tried / std::tgamma(static_cast<double>(grouping.groups) + 2));
}

// Whether growth at every mark differs significantly from chance.
bool testable(std::size_t marks, double level) {
    double tried = 0;
    for (const Grouping& grouping : groupings(marks))
        if (chance_of(grouping, ++tried) <= level) return true;
    return false;
}

// The rate of a leak that comes at random, and has in 9 of 10 runs at least one in every group of rounds. Where there are too few
// marks for the test: that grows by `least` in 9 of 10 runs (the 10 % quantile of a Poisson distribution, normal approximation).
std::optional<double> detectable(std::span<const double> requests, double least, double level) {
    constexpr double kPower = 0.9, kQuantile = 1.2816;
    std::optional<double> smallest;
    if (!testable(requests.size(), level)) {
        if (requests.size() < 2) return std::nullopt;
        const double root = (kQuantile + std::sqrt(kQuantile * kQuantile + 4 * least)) / 2;
        return root * root / (requests.back() - requests.front());
    }
    double tried = 0;
    for (const Grouping& grouping : groupings(requests.size())) {
        if (chance_of(grouping, ++tried) > level) continue;
        const auto groups = static_cast<double>(grouping.groups);
        const double served = (requests.back() - requests[requests.size() - 1 - grouping.groups * grouping.together]) / groups;
        if (served <= 0) continue;
        const double in_a_group = std::max(-std::log(1 - std::pow(kPower, 1 / groups)), least / groups);
        smallest = std::min(smallest.value_or(INFINITY), in_a_group / served);
    }
    return smallest;
}

bool increasing(std::span<const double> x) {
    return std::adjacent_find(x.begin(), x.end(), [](double a, double b) { return b <= a; }) == x.end();
}

// It grows, though not in every round, and has not stopped.
bool still_climbing(std::span<const double> counts, double least) {
    const double net = counts.back() - counts.front();
    const std::size_t third = std::max<std::size_t>(1, (counts.size() - 1) / 3);
    const double late = counts.back() - counts[counts.size() - 1 - third];
    const double share = static_cast<double>(third) / static_cast<double>(counts.size() - 1);
    return net >= std::max(least, kNoticeable * counts.back()) && late >= net * share / 2;
}

constexpr double kEnough = 3;  // that a pause without requests would have shown

double expected_in(const ResourceGrowth& growth, double idle_s) {
    return growth.per_hour ? growth.per_hour->estimate / kSecondsPerHour * idle_s : 0;
}

// Why IPC objects that grow are not called a leak; empty if they are. The kernel does not keep which program made them: that they grow with the
// requests, and not in a pause that would have shown it, tells that it was the service. Of a run without a pause nothing is known against it.
std::string doubt_of_ipc_objects(const ResourceGrowth& growth, double idle_s) {
    // A cache of files would look the same, as on the heap (filling.cpp), where larger entries need 10,000, too.
    constexpr double kLargestCache = 10'000;
    if (growth.resource != Resource::ipc_objects || growth.verdict != Trend::growing || growth.exhausted) return {};
    if (idle_s > 0 && expected_in(growth, idle_s) < kEnough) return short_pause_reason(growth, idle_s);
    if (idle_s > 0 && growth.idle_growth >= expected_in(growth, idle_s) / 2) return of_others_reason(growth);
    const bool files = !growth.kinds.empty() && growth.kinds.front().name.starts_with("file ");
    return files && growth.growth < kLargestCache ? cache_of_files_reason(growth) : std::string();
}

void set_rates(ResourceGrowth& growth, std::span<const double> seconds, std::span<const double> requests, std::span<const double> counts,
               double idle_s, double time_scale) {
    if (auto rate = growth_rate(seconds, counts))
        growth.per_hour = Interval{rate->estimate * kSecondsPerHour, rate->low * kSecondsPerHour, rate->high * kSecondsPerHour};
    if (increasing(requests)) growth.per_request = growth_rate(requests, counts);
    const double expected = expected_in(growth, idle_s);
    growth.follows_time = growth.verdict == Trend::growing && expected >= kEnough && growth.idle_growth >= expected / 2;
    if (!growth.follows_time) return;
    growth.per_request.reset();
    for (double* rate : {&growth.per_hour->estimate, &growth.per_hour->low, &growth.per_hour->high}) *rate /= time_scale;
}

// Too few marks for the test. A count that did not rise, in a run that would have shown a leak that matters, does not leak.
Trend verdict_of_few_marks(const ResourceGrowth& growth, double least) {
    const bool seen = growth.detectable_per_request && *growth.detectable_per_request <= kTooCoarse;
    return growth.growth < least && seen ? Trend::stable : Trend::inconclusive;
}

void set_time_to_limit(ResourceGrowth& growth, const std::optional<double>& requests_per_second) {
    if (growth.verdict != Trend::growing || !growth.limit) return;
    std::optional<double> hourly;
    if (growth.per_request && requests_per_second)
        hourly = growth.per_request->estimate * *requests_per_second * kSecondsPerHour;
    else if (growth.per_hour)
        hourly = growth.per_hour->estimate;
    if (!hourly || *hourly <= 0 || growth.limited_share <= 0) return;
    // From the start of the service: production does not begin where this run ended.
    const double start = growth.used - (growth.at_marks.back() - growth.at_marks.front()) * growth.limited_share;
    growth.time_to_limit_h = std::max(0.0, static_cast<double>(*growth.limit) - start) / (*hourly * growth.limited_share);
}

void judge(ResourceGrowth& growth, const Resources& resources, const ResourceOptions& options) {
    const std::size_t marks = growth.at_marks.size();
    const std::size_t first = growth.exhausted ? 0 : std::min(options.first_mark, marks - 1);
    const std::span<const double> counts = std::span<const double>(growth.at_marks).subspan(first);
    const auto tail = [&](const std::vector<double>& column) { return std::span<const double>(column).subspan(first); };
    const std::span<const double> requests = tail(resources.mark_requests), seconds = tail(resources.mark_seconds);
    const std::span<const double> x = increasing(requests) ? requests : seconds;
    const double least = least_of(growth.resource);
    growth.growth = counts.back() - counts.front();
    const double level = kCountLevel / options.runs;
    growth.detectable_per_request = increasing(requests) ? detectable(requests, least, level) : std::nullopt;
    for (ResourceKind& kind : growth.kinds) {
        const std::span<const double> own = tail(kind.at_marks);
        kind.growth = own.back() - own.front();
        kind.grows = judge_count(x, own, level).grows;
    }
    std::stable_sort(growth.kinds.begin(), growth.kinds.end(),
                     [](const ResourceKind& a, const ResourceKind& b) { return a.growth > b.growth; });
    if (growth.kinds.size() > kMaxKinds) growth.kinds.resize(kMaxKinds);

    growth.reasons.clear();
    bool few = false;
    if (growth.exhausted) {
        growth.verdict = Trend::growing;
        // Those of other programs are in `used`, too.
        if (growth.resource != Resource::ipc_objects) growth.growth = std::max(growth.growth, growth.used - growth.at_marks.front());
    } else if (!testable(counts.size(), level)) {
        growth.verdict = verdict_of_few_marks(growth, least);
        few = true;
    } else if (judge_count(x, counts, level).grows) {
        const bool may_be_a_pool = growth.growth < kLargestPool && !options.extended;
        growth.verdict = growth.growth < least || may_be_a_pool ? Trend::inconclusive : Trend::growing;
    } else if (counts.size() >= 2 && growth.resource != Resource::ipc_objects && still_climbing(counts, least)) {
        growth.verdict = Trend::inconclusive;
    } else {
        growth.verdict = Trend::stable;
    }
    set_rates(growth, seconds, requests, counts, resources.idle_s, options.time_scale);
    if (growth.exhausted && !growth.per_request && growth.exhausted->requests > 0) {
        const double rate = growth.growth / static_cast<double>(growth.exhausted->requests);
        growth.per_request = Interval{rate, rate, rate};
    }
    const std::string doubt = doubt_of_ipc_objects(growth, resources.idle_s);
    if (!doubt.empty()) growth.verdict = Trend::inconclusive;
    set_time_to_limit(growth, options.requests_per_second);
    if (!doubt.empty())
        growth.reasons.push_back(doubt);
    else
        growth.reasons.push_back(few && growth.verdict == Trend::inconclusive ? too_few_marks_reason(growth, options.more)
                                                                              : resource_reason(growth, options.more));
}

}  // namespace

bool is_extended_run(std::size_t rounds, int planned) {
    return rounds >= 2 * std::min(kUsualRounds, static_cast<std::size_t>(std::max(planned, 0)));
}

CountJudgment judge_count(std::span<const double> x, std::span<const double> counts, double level) {
    CountJudgment judgment;
    if (counts.size() < kMinMarks || judge_growth(x, counts, counts).growth_class != GrowthClass::linear) return judgment;
    double tried = 0;
    for (const Grouping& grouping : groupings(counts.size())) {
        ++tried;
        if (!rises(counts, grouping)) continue;
        judgment.p_value = chance_of(grouping, tried);
        judgment.grows = judgment.p_value <= level;
        if (judgment.grows) break;
    }
    return judgment;
}

namespace {

// A thread has a stack and its guard, and may have an arena of malloc: what is not known of threads is not known of these mappings.
void judge_with_threads(Resources& resources, const ResourceOptions& options) {
    constexpr double kMappingsOfThread = 4;
    const auto of = [&](Resource resource) {
        return std::find_if(resources.counts.begin(), resources.counts.end(),
                            [&](const ResourceGrowth& growth) { return growth.resource == resource; });
    };
    const auto threads = of(Resource::threads), mappings = of(Resource::mappings);
    if (threads == resources.counts.end() || mappings == resources.counts.end()) return;
    if (threads->verdict != Trend::inconclusive || mappings->verdict != Trend::growing || mappings->exhausted) return;
    if (mappings->growth > kMappingsOfThread * threads->growth) return;
    mappings->verdict = Trend::inconclusive;
    mappings->time_to_limit_h.reset();
    mappings->reasons = {resource_reason(*mappings, options.more)};
}

}  // namespace

void judge_resources(Resources& resources, const ResourceOptions& options) {
    for (ResourceGrowth& growth : resources.counts)
        if (!growth.at_marks.empty() && growth.at_marks.size() == resources.mark_seconds.size()) judge(growth, resources, options);
    judge_with_threads(resources, options);
}

std::optional<std::string> resources_undecided(const Resources& resources) {
    for (const ResourceGrowth& growth : resources.counts)
        if (growth.verdict == Trend::inconclusive && !growth.reasons.empty()) return growth.reasons.front();
    return std::nullopt;
}

}  // namespace leakline::analysis
