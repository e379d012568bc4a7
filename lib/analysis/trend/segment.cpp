#include "analysis/trend/internal/segment.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/statistics.hpp"
#include "analysis/trend/internal/scales.hpp"
#include "analysis/trend/internal/short_runs.hpp"
#include "analysis/trend/internal/thresholds.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis::trend {

namespace {

constexpr double kSecondsPerHour = 3600;

// Points with the curves fitted to them.
struct Candidate {
    Points points;
    Mixture mixture;
    ClassEvidence evidence;
    double noise = 0;
    Axis axis = Axis::time;
};

Candidate fit_candidate(Points points, const Scales& scales) {
    Candidate candidate;
    candidate.noise = std::max(scales.smallest_noise, points.extra_noise);
    candidate.mixture = fit_curves(points.x, points.value, candidate.noise);
    candidate.evidence = weigh(candidate.mixture, scales.least_growth);
    candidate.points = std::move(points);
    return candidate;
}

struct Choice {
    Candidate best;               // smallest error of the straight line's slope
    double least_cycle_leak = 1;  // the smaller P(leak) of floors and means
};

Choice choose_points(const Bins& bins, const Detrended& detrended, const Scales& scales) {
    Choice choice;
    bool first = true;
    for (Points& points : candidate_points(bins, detrended)) {
        const bool of_cycles = points.summary != Summary::block_median;
        Candidate candidate = fit_candidate(std::move(points), scales);
        if (of_cycles) choice.least_cycle_leak = std::min(choice.least_cycle_leak, candidate.evidence.leak);
        if (first || candidate.mixture.line_margin < choice.best.mixture.line_margin) choice.best = std::move(candidate);
        first = false;
    }
    return choice;
}

// Growth that follows requests is straight only against requests: adopt them as x where they depart from time and
// the fit is clearly better (BIC by 2, "positive" evidence of Raftery 1995).
void try_request_axis(Candidate& candidate, double requests_made, const Scales& scales) {
    using namespace thresholds::request_axis;
    const Points& points = candidate.points;
    if (points.requests.empty() || requests_made <= 0) return;
    Points by_requests = points;
    double departure = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (i > 0 && points.requests[i] < points.requests[i - 1]) return;  // a counter that starts anew
        by_requests.x[i] = points.requests[i] / requests_made;
        departure = std::max(departure, std::fabs(by_requests.x[i] - points.x[i]));
    }
    if (departure <= kMinDeparture) return;
    Candidate other = fit_candidate(std::move(by_requests), scales);
    if (other.mixture.best_bic >= candidate.mixture.best_bic - kBicMargin) return;
    other.axis = Axis::requests;
    candidate = std::move(other);
}

Veto veto_of(const Choice& choice, const Bins& bins) {
    using namespace thresholds::cycle_veto;
    using namespace thresholds::tail_veto;
    const Candidate& best = choice.best;
    const bool of_cycles = best.points.summary != Summary::block_median;
    if (of_cycles && best.points.size() < kFewCycles && choice.least_cycle_leak < kMinPLeak) {
        return Veto::floor_and_mean_disagree;
    }
    if (grows_in_few_jumps(bins.middle)) return Veto::few_jumps;
    const double slope = slope_quantile(best.evidence.leak_slopes, .5);
    // With its cycle, whose records come once per cycle. Where requests are known a pause is long only if many of them came.
    const Points& points = best.points;
    double pause = probability_of_pause(points.x, points.value, best.noise);
    if (!points.requests.empty()) pause = std::max(pause, probability_of_pause(points.requests, points.value, best.noise));
    if (pause < kMinPause) return Veto::slowed_at_the_end;
    const auto goes_on = probability_goes_on(points.x, without_cycle(best.mixture, points.x, points.value), slope);
    return goes_on && *goes_on < kMinContinues ? Veto::slowed_at_the_end : Veto::none;
}

// The smallest growth (MiB over the run) that would have been called growing some 9 times out of 10. In noise that is far
// more than a test of the straight line alone would need, because the bounded curves must be ruled out too: the factor
// was measured on lines in correlated noise (the power curve of `leakline trend --self-test` checks it).
double detectable_growth(double line_margin, double least_growth) {
    using namespace thresholds::interval;
    return std::max(kMinLimitFactor * least_growth, least_growth / 3 + kMargins * line_margin);
}

double interpolate(std::span<const double> x, std::span<const double> y, double at) {
    const auto right = static_cast<std::size_t>(std::lower_bound(x.begin(), x.end(), at) - x.begin());
    if (right == 0) return y.front();
    if (right >= x.size()) return y.back();
    return y[right - 1] + (at - x[right - 1]) / (x[right] - x[right - 1]) * (y[right] - y[right - 1]);
}

// How far memory reaches above the fitted curve: what a limit meets first.
double overshoot(const Candidate& candidate, const Bins& bins, double requests_made) {
    std::vector<double> above(bins.size());
    for (std::size_t i = 0; i < bins.size(); ++i) {
        const double x = candidate.axis == Axis::requests ? bins.requests[i] / requests_made : bins.x[i];
        above[i] = bins.high[i] - interpolate(candidate.points.x, candidate.mixture.fitted, x);
    }
    return quantile(std::move(above), .95);
}

// 95 % interval of a slope in MiB an hour. The mixture takes the knees of its curves and the correlation of their errors
// as known; on simulated traces its bounds therefore held the truth in 92 % of all cases. Widened by a quarter: 95 %.
Interval hourly_interval(std::span<const SlopeComponent> components, double duration_s) {
    if (components.empty()) return {};
    const double per_hour = kSecondsPerHour / duration_s;
    const double middle = slope_quantile(components, .5);
    const double below = middle - slope_quantile(components, .025), above = slope_quantile(components, .975) - middle;
    return {middle * per_hour, (middle - thresholds::interval::kWidening * below) * per_hour,
            (middle + thresholds::interval::kWidening * above) * per_hour};
}

Interval times(const Interval& interval, double factor) {
    const double low = interval.low * factor, high = interval.high * factor;
    return {interval.estimate * factor, std::min(low, high), std::max(low, high)};
}

// Takes slope as the verdict's, with what follows from it.
void set_slope(SegmentVerdict& verdict, const Interval& mib_per_hour) {
    verdict.slope_mib_per_hour = mib_per_hour;
    if (verdict.requests_made > 0) {
        verdict.mib_per_request = times(mib_per_hour, verdict.duration_s / kSecondsPerHour / verdict.requests_made);
    }
}

// The range of the bins is below what counts as growth: nothing is fitted.
void judge_still(SegmentVerdict& verdict, const Scales& scales) {
    const double bound = scales.least_growth * kSecondsPerHour / verdict.duration_s;
    verdict.outcome = Outcome::stable;
    verdict.within_noise = true;
    verdict.p_stable = 1;
    verdict.plateau_mib = scales.level;
    verdict.level_mib = scales.level;
    verdict.detectable_mib_per_hour = detectable_growth(0, scales.least_growth) * kSecondsPerHour / verdict.duration_s;
    set_slope(verdict, {0, -bound, bound});
}

// The verdict on bins whose load has been removed.
void judge_bins(SegmentVerdict& verdict, const Bins& bins, Scales scales, double strictness) {
    const Detrended detrended = detrend(bins);
    scales.least_growth = least_growth_above_noise(scales.least_growth, detrended.values, strictness);
    Choice choice = choose_points(bins, detrended, scales);
    Candidate& best = choice.best;
    try_request_axis(best, verdict.requests_made, scales);

    verdict.p_leak = std::clamp(best.evidence.leak, 0., 1.);
    verdict.p_stable = std::clamp(best.evidence.stable, 0., 1.);
    verdict.p_reset = best.evidence.reset;
    verdict.plateau_mib = best.evidence.plateau;
    verdict.shape = best.mixture.best.shape;
    verdict.knee = best.mixture.best.knee;
    verdict.summary = best.points.summary;
    verdict.visible_cycle = best.points.visible_cycle;
    verdict.axis = best.axis;
    verdict.correlation = best.mixture.correlation;
    verdict.fill_flat_deficit = best.mixture.fill_flat_deficit;
    verdict.detectable_mib_per_hour =
        detectable_growth(best.mixture.line_margin, scales.least_growth) * kSecondsPerHour / verdict.duration_s;

    if (verdict.p_leak >= thresholds::verdict::kGrowingFrom && slope_quantile(best.evidence.leak_slopes, .5) >= scales.least_growth) {
        verdict.veto = veto_of(choice, bins);
        verdict.outcome = verdict.veto == Veto::none ? Outcome::growing : Outcome::inconclusive;
    } else if (verdict.p_stable >= thresholds::verdict::kStableFrom) {
        verdict.outcome = Outcome::stable;
    }
    verdict.leak_slope_mib_per_hour = hourly_interval(best.evidence.leak_slopes, verdict.duration_s);
    set_slope(verdict, verdict.outcome == Outcome::growing ? verdict.leak_slope_mib_per_hour
                                                           : hourly_interval(all_slopes(best.mixture), verdict.duration_s));
    verdict.level_mib = best.mixture.fitted.back() +
                        verdict.slope_mib_per_hour.estimate * verdict.duration_s / kSecondsPerHour * (1 - best.points.x.back());
    verdict.overshoot_mib = overshoot(best, bins, verdict.requests_made);
}

// Upside down about the level: a fall becomes growth.
Bins mirrored(Bins bins, double level) {
    const auto flip = [level](std::vector<double>& values) {
        for (double& value : values) value = 2 * level - value;
    };
    flip(bins.middle);
    flip(bins.low);
    flip(bins.high);
    std::swap(bins.low, bins.high);
    return bins;
}

// A stable segment is shrinking if its mirror image would be called growing: a fall that goes on to the end, and not
// a decay, a step or a cycle; and if the fall is relevant.
void look_for_shrinking(SegmentVerdict& verdict, const Bins& bins, const Scales& scales, double strictness) {
    using namespace thresholds::shrinking;
    if (verdict.outcome != Outcome::stable || verdict.within_noise) return;
    const double fall = -theil_sen_slope(bins.x, bins.middle);
    if (fall < std::max(kMinLevelShare * scales.level, kLeastGrowthFactor * scales.least_growth)) return;
    SegmentVerdict mirror;
    mirror.duration_s = verdict.duration_s;
    mirror.requests_made = verdict.requests_made;
    judge_bins(mirror, mirrored(bins, scales.level), scales, strictness);
    if (mirror.outcome != Outcome::growing || mirror.p_leak < kMinCertainty) return;
    // Steps down and waves fall too, but not on and on.
    if (mirror.shape == Shape::step_linear || mirror.shape == Shape::step_two_slopes || mirror.shape == Shape::sine_linear) {
        return;
    }
    verdict.outcome = Outcome::shrinking;
    verdict.shape = mirror.shape;
    verdict.knee = mirror.knee;
    set_slope(verdict, times(mirror.slope_mib_per_hour, -1));
}

// Judges all of samples at once: no warm-up cut. strictness: see scales_of.
SegmentVerdict judge_whole(const Samples& samples, const SegmentOptions& options, double strictness) {
    SegmentVerdict verdict;
    verdict.samples = samples.size();
    verdict.duration_s = samples.duration();
    if (samples.size() < thresholds::verdict::kMinSamples || verdict.duration_s <= 0) {
        verdict.too_few = true;
        return verdict;
    }
    verdict.begin_s = samples.seconds.front();
    verdict.requests_made = samples.requests_made();

    Bins bins = bin_samples(samples);
    const Scales scales = scales_of(bins, options.minimum_mib_per_hour, strictness);
    if (range_of(bins) < scales.least_growth) {
        judge_still(verdict, scales);
        return verdict;
    }
    verdict.load_removed = remove_load(bins);
    judge_bins(verdict, bins, scales, strictness);
    look_for_shrinking(verdict, bins, scales, strictness);
    return verdict;
}

// Where the warm-up of a judged segment ends, as a share of it; 0 if it has none.
double warmup_of(const SegmentVerdict& verdict) {
    using namespace thresholds::warmup;
    if (verdict.within_noise || verdict.too_few || verdict.outcome == Outcome::shrinking) return 0;
    switch (verdict.shape) {
        case Shape::exponential:
        case Shape::exponential_linear: return kTimeConstants * verdict.knee;
        case Shape::fill_flat:
        case Shape::bent_fill:
        case Shape::two_slope: return verdict.knee + kKneeMargin;
        case Shape::step:
        case Shape::step_linear:
        case Shape::two_steps:
        case Shape::step_two_slopes:
            return verdict.outcome != Outcome::growing && verdict.p_reset < kReset ? verdict.knee + kKneeMargin : 0;
        default: return 0;
    }
}

// The rest after a cut is shorter and so less certain: it inherits the whole's verdict unless it speaks against it.
void inherit(SegmentVerdict& rest, const SegmentVerdict& whole) {
    using namespace thresholds::warmup;
    if (rest.outcome != Outcome::inconclusive) return;
    if (whole.outcome == Outcome::growing && rest.p_leak >= kStillGrowing && rest.veto != Veto::slowed_at_the_end) {
        rest.outcome = Outcome::growing;
        rest.veto = Veto::none;
        set_slope(rest, rest.leak_slope_mib_per_hour);
    } else if ((whole.outcome == Outcome::stable || whole.outcome == Outcome::shrinking) && rest.p_stable >= kStillStable) {
        rest.outcome = Outcome::stable;
    }
}

SegmentVerdict cut_warmups(const Samples& samples, const SegmentOptions& options) {
    using namespace thresholds::warmup;
    SegmentVerdict verdict = judge_whole(samples, options, 1);
    if (verdict.too_few) return verdict;
    const double begin = samples.seconds.front(), end = samples.seconds.back(), whole = end - begin;
    double from = begin;
    for (int cut = 0; cut < kMaxCuts; ++cut) {
        const double warmup = warmup_of(verdict);
        if (warmup <= kMinCut) break;
        const std::size_t first = first_at(samples, from + warmup * (end - from));
        if (first >= samples.size() || samples.size() - first < kMinRestSamples) break;
        const double rest = end - samples.seconds[first];
        if (rest < kMinRest * whole) break;
        SegmentVerdict later = judge_whole(samples.from(first), options, std::max(kMinStrictness, rest / whole));
        inherit(later, verdict);
        later.warmup = (samples.seconds[first] - begin) / whole;
        later.warmup_shape = verdict.warmup_shape ? verdict.warmup_shape : verdict.shape;
        from = samples.seconds[first];
        verdict = later;
    }
    return verdict;
}

double median_between(const Samples& samples, double begin_s, double end_s) {
    const std::size_t begin = first_at(samples, begin_s), end = first_at(samples, end_s);
    return median({samples.bytes.begin() + static_cast<std::ptrdiff_t>(begin), samples.bytes.begin() + static_cast<std::ptrdiff_t>(end)}) /
           kMiB;
}

// Whether growth as before the fall (in the second half of the time until it) could go unnoticed in the stable rest: below
// the detection limit of the rest, but not negligible.
bool growth_could_hide(const Samples& samples, double begin_s, double fall_s, const SegmentVerdict& rest) {
    using namespace thresholds::settled;
    const double before = fall_s - begin_s;
    const double grown =
        median_between(samples, begin_s + .9 * before, fall_s) - median_between(samples, begin_s + .5 * before, begin_s + .6 * before);
    const double expected = grown / (.4 * before) * kSecondsPerHour;
    return expected > kNegligibleGrowth * rest.detectable_mib_per_hour && expected < kVisibleGrowth * rest.detectable_mib_per_hour;
}

// A final check of an undecided segment that hardly grows: its last 40 % alone may be clearly stable. If memory fell
// (a trim, a reload), what follows the fall.
std::optional<SegmentVerdict> settled_end(const Samples& samples, const SegmentOptions& options, const SegmentVerdict& verdict) {
    using namespace thresholds::settled;
    const bool slowed = verdict.veto == Veto::slowed_at_the_end;
    if (verdict.too_few || verdict.outcome != Outcome::inconclusive || verdict.warmup >= kMaxCut ||
        (verdict.p_leak >= kMaxPLeak && !slowed)) {
        return std::nullopt;
    }
    const double begin = samples.seconds.front(), whole = samples.duration();
    double from = begin + kFrom * whole;
    const bool fell = verdict.p_reset >= kReset;
    const double fall = verdict.begin_s + verdict.knee * verdict.duration_s;
    if (fell) {
        if (verdict.shape != Shape::step_linear && verdict.shape != Shape::step_two_slopes) return std::nullopt;
        from = std::max(from, fall + kFallMargin * whole);
        if (begin + whole - from < kMinRest * whole) return std::nullopt;
    }
    const std::size_t first = first_at(samples, from);
    if (samples.size() < first + kMinSamplesLeft) return std::nullopt;
    SegmentVerdict later = judge_whole(samples.from(first), options, kStrictness);
    const bool plain = later.within_noise || later.shape == Shape::constant || later.shape == Shape::exponential ||
                       later.shape == Shape::linear || fills(later.shape);
    if (later.outcome != Outcome::stable || later.p_stable < kMinCertainty || !plain) return std::nullopt;
    if (fell && growth_could_hide(samples, verdict.begin_s, fall, later)) return std::nullopt;
    later.warmup = (samples.seconds[first] - begin) / whole;
    return later;
}

// A leak by requests is flat while none come, just as a full cache is: there what came before the end decides.
bool only_idle_is_flat(const Samples& samples, const SegmentOptions& options, const SegmentVerdict& verdict) {
    if (verdict.outcome != Outcome::stable) return false;
    const Samples busy = before_idle_end(samples);
    if (busy.size() < thresholds::verdict::kMinSamples || busy.duration() > (1 - thresholds::settled::kLongIdle) * samples.duration())
        return false;
    return cut_warmups(busy, options).outcome == Outcome::growing;
}

}  // namespace

SegmentVerdict judge_segment(const Samples& samples, const SegmentOptions& options) {
    SegmentVerdict verdict = cut_warmups(samples, options);
    if (const auto settled = settled_end(samples, options, verdict)) verdict = *settled;
    if (only_idle_is_flat(samples, options, verdict)) {
        verdict.outcome = Outcome::inconclusive;
        verdict.veto = Veto::traffic_stopped;
    }
    if (verdict.outcome == Outcome::growing) {
        verdict.outgrown = outgrown(samples, verdict.level_mib);
        verdict.veto = too_short_for_growth(samples, options, verdict);
        if (verdict.veto != Veto::none) verdict.outcome = Outcome::inconclusive;
    }
    return verdict;
}

}  // namespace leakline::analysis::trend
