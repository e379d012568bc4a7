#include "analysis/resource_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/quantities.hpp"
#include "base/strings.hpp"

namespace leakline::analysis {

std::string rate_words(const ResourceGrowth& growth) {
    if (growth.per_request) return per_request_words(growth.per_request->estimate);
    return growth.per_hour ? per_hour_words(growth.per_hour->estimate) : "at an unknown rate";
}

std::string growing_kinds_words(const ResourceGrowth& growth) {
    constexpr double kShare = 0.1;  // of the growth: smaller kinds are not named
    constexpr std::size_t kMax = 3;
    std::string out;
    std::size_t named = 0;
    for (const ResourceKind& kind : growth.kinds) {
        if (kind.growth <= 0 || kind.growth < kShare * growth.growth || named == kMax) break;
        out += fmt::format("{}{} (+{})", named++ == 0 ? "" : ", ", printable(kind.name), number_words(kind.growth));
    }
    return out;
}

std::string too_few_marks_reason(const ResourceGrowth& growth, std::string_view more) {
    const std::string_view what = resource_words(growth.resource);
    const std::string kinds = growing_kinds_words(growth);
    if (growth.growth > 0)
        return fmt::format("{} grew by {}{}, but the run is too short to distinguish a leak from chance: rerun with {}", what,
                           number_words(growth.growth), kinds.empty() ? "" : ": " + kinds, more);
    return fmt::format(
        "{} did not grow, but the run is too short to detect a slow leak{}: rerun with {}", what,
        growth.detectable_per_request ? fmt::format(" (only one above {})", per_request_words(*growth.detectable_per_request)) : "", more);
}

std::string of_others_reason(const ResourceGrowth& growth) {
    return fmt::format(
        "{} grew by {}, also without requests: {}; the service or another program of its user makes them: stop other programs and rerun",
        resource_words(growth.resource), number_words(growth.growth), growing_kinds_words(growth));
}

std::string short_pause_reason(const ResourceGrowth& growth, double idle_s) {
    return fmt::format(
        "{} grew by {}: {}; at this rate, {:.1f} s without requests are too few to tell whether the service makes them or another program of "
        "its user: stop other programs, or rerun with --quiet-time {:.0f}s",
        resource_words(growth.resource), number_words(growth.growth), growing_kinds_words(growth), idle_s,
        std::ceil(6 / std::max(growth.per_hour ? growth.per_hour->estimate / 3600 : 0, 0.01)));
}

std::string cache_of_files_reason(const ResourceGrowth& growth) {
    return fmt::format(
        "{} grew by {}: {}; a cache of files that is still filling, or that a timer cleans, would look the same: rerun longer",
        resource_words(growth.resource), number_words(growth.growth), growing_kinds_words(growth));
}

std::string resource_reason(const ResourceGrowth& growth, std::string_view more) {
    const std::string_view what = resource_words(growth.resource);
    const std::string kinds = growing_kinds_words(growth);
    const std::string of = kinds.empty() ? "" : ": " + kinds;
    if (growth.exhausted)
        return fmt::format("{} run out{}: {} of {} ({}) were in use after {} requests{}", what,
                           growth.per_request || growth.per_hour ? ", at " + rate_words(growth) : "", format_count(growth.exhausted->count),
                           format_count(growth.limit.value_or(0)), growth.limit_name, format_count(growth.exhausted->requests), of);
    switch (growth.verdict) {
        case Trend::growing:
            return fmt::format("{} leak, {}{} (+{} after warm-up){}", what, rate_words(growth),
                               growth.follows_time ? ", with or without requests" : "", number_words(growth.growth), of);
        case Trend::inconclusive:
            return fmt::format("{} grew by {}, which may be a leak or a pool that is still filling{}: rerun with {}", what,
                               number_words(growth.growth), of, more);
        default: break;
    }
    std::string text = fmt::format("{} do not grow", what);
    if (growth.detectable_per_request) text += fmt::format(": no leak above {}", per_request_words(*growth.detectable_per_request));
    return text;
}

}  // namespace leakline::analysis
