#include "analysis/trend/internal/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/trend/internal/thresholds.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis::trend {

namespace {

std::string rate_words(double mib_per_hour) {
    const double bytes = std::fabs(mib_per_hour) * kMiB;
    return format_bytes(bytes) + "/h";
}

// Evidence for the best curve over another, as odds.
std::string odds_words(double bic_deficit) {
    const double odds = std::exp(.5 * bic_deficit);
    if (!(odds < 1000)) return "more than 1000:1";
    return fmt::format("{:.{}f}:1", odds, odds < 10 ? 1 : 0);
}

std::string time_words(double seconds) {
    constexpr double kLongest = 9e9;  // some 285 years: what nanoseconds can hold
    seconds = std::clamp(seconds, 0., kLongest);
    return format_duration(std::chrono::duration_cast<Nanoseconds>(std::chrono::duration<double>(seconds)));
}

std::string growth_words(const SegmentVerdict& segment) {
    std::string words = fmt::format("grew by {} until the end", rate_words(segment.slope_mib_per_hour.estimate));
    if (segment.requests_made > 0) {
        words += fmt::format(" ({} per request)", format_bytes(segment.mib_per_request.estimate * kMiB));
    }
    const double odds_to_mention = 2 * std::log(1.5);
    if (segment.fill_flat_deficit > odds_to_mention) {
        words += fmt::format("; odds against a curve that flattens: {}", odds_words(segment.fill_flat_deficit));
    }
    return words;
}

double warmup_seconds(const SegmentVerdict& segment) { return segment.warmup / (1 - segment.warmup) * segment.duration_s; }

// How memory came to its level, as the beginning of a sentence; empty where it was there from the start.
std::string arrival_words(const SegmentVerdict& segment) {
    if (!segment.warmup_shape) return {};
    const std::string span = time_words(warmup_seconds(segment));
    switch (*segment.warmup_shape) {
        case Shape::fill_flat:
        case Shape::bent_fill:
        case Shape::two_slope: return fmt::format("filled for {}, then ", span);
        case Shape::exponential:
        case Shape::exponential_linear: return fmt::format("warmed up for {}, then ", span);
        default: return fmt::format("changed in the first {}, then ", span);
    }
}

std::string stable_words(const SegmentVerdict& segment) {
    const std::string arrival = arrival_words(segment);
    const std::string level = format_bytes(segment.plateau_mib.value_or(segment.level_mib) * kMiB);
    if (segment.within_noise) {
        return fmt::format("{}stayed within {} of {}, which is below the threshold for growth", arrival,
                           format_bytes(segment.slope_mib_per_hour.high * segment.duration_s / 3600 * kMiB), level);
    }
    switch (segment.shape) {
        case Shape::fill_flat:
        case Shape::bent_fill: return fmt::format("{}filled up and then stayed at {}", arrival, level);
        case Shape::exponential: return fmt::format("{}settled at {}", arrival, level);
        case Shape::step:
        case Shape::two_steps: return fmt::format("{}changed in steps and then stayed at {}", arrival, level);
        case Shape::sine: return fmt::format("{}cycled around {}", arrival, level);
        default: return fmt::format("{}stayed level: {} at the end", arrival, level);
    }
}

std::string veto_words(Veto veto) {
    switch (veto) {
        case Veto::floor_and_mean_disagree:
            return "too few cycles: the minimum and the mean of the cycles do not both grow; run for at least 14 cycles";
        case Veto::few_jumps: return "one to three jumps account for nearly all of the growth; run longer to see whether more follow";
        case Veto::slowed_at_the_end: return "growth stopped or slowed in the last third; run 2x longer to see whether it has ended";
        case Veto::traffic_stopped: return "memory grew until the requests stopped and was flat after that; run with load until the end";
        case Veto::hardly_begun:
            return "grew less than 1 MiB in less than a minute, as healthy processes do when they start; run for a minute "
                   "or more";
        case Veto::tail_of_warmup: return "grew less than 1 MiB after the warm-up, which may not have ended yet; run for 5 minutes or more";
        case Veto::may_be_warming_up:
        case Veto::none: break;
    }
    return {};
}

std::string warming_up_words(const SegmentVerdict& segment) {
    return fmt::format(
        "grew by {} ({:.0f} % of the initial level), but in a run of less than two minutes the warm-up of a runtime "
        "looks the same; run longer",
        format_bytes(segment.level_mib * kMiB * segment.outgrown / (1 + segment.outgrown)), 100 * segment.outgrown);
}

std::string inconclusive_words(const SegmentVerdict& segment) {
    if (segment.too_few) {
        const char* plural = segment.samples == 1 ? "" : "s";
        const std::string span = segment.duration_s > 0 ? " over " + time_words(segment.duration_s) : "";
        return fmt::format("{} sample{}{}: a verdict needs at least {}; sample longer or more often", segment.samples, plural, span,
                           thresholds::verdict::kMinSamples);
    }
    if (segment.veto == Veto::may_be_warming_up) return warming_up_words(segment);
    if (segment.veto != Veto::none) return veto_words(segment.veto);
    if (segment.p_reset >= .3) return "memory fell and has not risen above its earlier level yet; run 2x longer";
    const char* advice = segment.requests_made > 0 ? "run 2x longer or with more load" : "run 2x longer";
    if (segment.p_leak >= .5) {
        return fmt::format("growth is likely (probability {:.2f}) but not certain; {}", segment.p_leak, advice);
    }
    return fmt::format("undecided (probability of a leak {:.2f}, of stable memory {:.2f}); {}", segment.p_leak, segment.p_stable, advice);
}

}  // namespace

std::vector<std::string> reasons_in_words(const SegmentVerdict& segment, const ReasonContext& reason_context) {
    std::vector<std::string> reasons;
    switch (reason_context.verdict) {
        case Trend::growing: reasons.push_back(growth_words(segment)); break;
        case Trend::stable: reasons.push_back(stable_words(segment)); break;
        case Trend::shrinking:
            reasons.push_back(fmt::format("fell by {} until the end", rate_words(segment.slope_mib_per_hour.estimate)));
            break;
        case Trend::inconclusive: reasons.push_back(inconclusive_words(segment)); break;
    }
    if (reason_context.segments > 1) {
        reasons.push_back(
            fmt::format("in {} of {} processes (restarts split the series)", reason_context.agreeing, reason_context.segments));
    }
    if (segment.too_few) return reasons;
    if (segment.warmup > 0) {
        reasons.push_back(fmt::format("the first {} are excluded as warm-up", time_words(warmup_seconds(segment))));
    }
    if (segment.load_removed) reasons.push_back("memory that varies with the request rate was subtracted");
    if (segment.axis == Axis::requests) reasons.push_back("growth depends on the number of requests, not on time");
    if (segment.visible_cycle) {
        reasons.push_back(fmt::format("fitted to the {}", summary_name(segment.summary)));
    }
    // Detectable is what is found 9 times out of 10; less was found now, and to say so would seem to contradict it.
    if (reason_context.verdict == Trend::growing && segment.slope_mib_per_hour.estimate < segment.detectable_mib_per_hour) return reasons;
    std::string smallest = rate_words(segment.detectable_mib_per_hour);
    if (segment.requests_made > 0) {
        const double each = segment.detectable_mib_per_hour * segment.duration_s / 3600 / segment.requests_made;
        smallest += fmt::format(" ({} per request)", format_bytes(each * kMiB));
    }
    reasons.push_back(fmt::format("detection limit: {}", smallest));
    return reasons;
}

namespace {

// What a stable series looks like: a slope that the verdict found to be nothing does not name it.
Shape without_slope(Shape shape) {
    switch (shape) {
        case Shape::bent_fill:
        case Shape::two_slope: return Shape::fill_flat;
        case Shape::exponential_linear: return Shape::exponential;
        case Shape::step_linear:
        case Shape::step_two_slopes: return Shape::step;
        case Shape::sine_linear: return Shape::sine;
        case Shape::linear:
        case Shape::late:
        case Shape::accelerating: return Shape::constant;
        default: return shape;
    }
}

}  // namespace

std::string growth_class(const SegmentVerdict& segment, Trend verdict) {
    if (segment.too_few) return "unknown";
    if (verdict == Trend::stable && segment.warmup_shape) {
        // The rest is flat; what a reader asks is how it came to be.
        const Shape shape = without_slope(*segment.warmup_shape);
        const bool filled = shape == Shape::fill_flat || shape == Shape::exponential;
        return std::string(shape_name(filled ? shape : Shape::step));
    }
    if (segment.within_noise) return std::string(shape_name(Shape::constant));
    std::string name(shape_name(verdict == Trend::stable ? without_slope(segment.shape) : segment.shape));
    if (segment.visible_cycle) return verdict == Trend::growing ? "sawtooth on " + name : "sawtooth";
    return name;
}

}  // namespace leakline::analysis::trend
