#include "diagnose/internal/final_counts.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace leakline::diagnose {

namespace {

// How long what grows must be watched without traffic to see whether it follows time; nothing where nothing grows.
std::optional<double> idle_time(const Resources& resources) {
    constexpr double kToSee = 8, kShortest_s = 1, kLongest_s = 4;
    std::optional<double> longest;
    for (const ResourceGrowth& growth : resources.counts) {
        if (growth.verdict != Trend::growing || growth.exhausted || !growth.per_hour || growth.per_hour->estimate <= 0) continue;
        longest = std::max(longest.value_or(kShortest_s), std::min(kLongest_s, kToSee * 3600 / growth.per_hour->estimate));
    }
    return longest;
}

}  // namespace

Resources judged_counts(const MeasuredTarget& target, const analysis::ResourceOptions& options) {
    Resources resources = target.resources();
    analysis::judge_resources(resources, options);
    return resources;
}

Resources final_counts(RunContext& context, MeasuredTarget& target, const analysis::ResourceOptions& options) {
    if (target.exhausted() && !target.gone()) target.mark();  // the kinds, in a run that was stopped before its first mark
    Resources resources = judged_counts(target, options);
    if (const auto idle_s = idle_time(resources); context.options.idle && idle_s && !target.gone() && !context.stopped()) {
        ProcessTree tree = std::move(resources.tree);
        target.watch_idle(*idle_s);
        resources = judged_counts(target, options);
        resources.tree = std::move(tree);
    }
    for (std::string& warning : target.resource_warnings()) add_once(context.result.warnings, std::move(warning));
    return resources;
}

}  // namespace leakline::diagnose
