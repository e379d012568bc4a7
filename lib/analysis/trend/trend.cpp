#include "analysis/trend/trend.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "analysis/trend/internal/front_end.hpp"
#include "analysis/trend/internal/segment.hpp"
#include "analysis/trend/internal/thresholds.hpp"
#include "analysis/trend/internal/words.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

using namespace trend;

// One process's part of a series.
struct Segment {
    Samples samples;
    SegmentVerdict verdict;
};

Samples slice(const Samples& all, std::size_t begin, std::size_t end) {
    const std::size_t count = end - begin;
    return {all.seconds.subspan(begin, count), all.bytes.subspan(begin, count),
            all.requests.empty() ? all.requests : all.requests.subspan(begin, count)};
}

// Where the process changes, a new segment begins; those too short to judge are left out.
std::vector<Segment> segments_of(const Series& series, const SegmentOptions& options) {
    const Samples all = all_samples(series);
    if (series.process.empty()) return {{all, judge_segment(all, options)}};
    std::vector<Segment> segments;
    for (std::size_t begin = 0, end = 0; begin < series.size(); begin = end) {
        while (end < series.size() && series.process[end] == series.process[begin]) ++end;
        const Samples part = slice(all, begin, end);
        if (part.size() < thresholds::verdict::kMinSamples || part.duration() < thresholds::restarts::kMinPart * series.duration())
            continue;
        segments.push_back({part, judge_segment(part, options)});
    }
    return segments;
}

// Each segment has a say as long as its duration.
Outcome vote(const std::vector<Segment>& segments) {
    using namespace thresholds::restarts;
    double total = 0, growing = 0, stable = 0, shrinking = 0;
    for (const Segment& segment : segments) {
        const double weight = segment.samples.duration();
        total += weight;
        if (segment.verdict.outcome == Outcome::growing) growing += weight;
        if (segment.verdict.outcome == Outcome::shrinking) shrinking += weight;
        if (segment.verdict.outcome == Outcome::stable || segment.verdict.outcome == Outcome::shrinking) stable += weight;
    }
    if (total <= 0) return Outcome::inconclusive;
    if (growing >= kMajority * total && growing > kStableFactor * stable) return Outcome::growing;
    if (stable >= kMajority * total && growing < kMaxGrowingShare * total) {
        return shrinking >= kMajority * total ? Outcome::shrinking : Outcome::stable;
    }
    return Outcome::inconclusive;
}

// The longest segment of that outcome speaks for all; the longest of any where none has it.
const Segment& speaker(const std::vector<Segment>& segments, Outcome outcome) {
    const Segment* best = nullptr;
    for (const Segment& segment : segments) {
        const auto rank = [&](const Segment& s) { return std::pair(s.verdict.outcome == outcome, s.samples.duration()); };
        if (best == nullptr || rank(segment) > rank(*best)) best = &segment;
    }
    return *best;
}

Interval scaled(const Interval& interval, double factor) {
    return {interval.estimate * factor, interval.low * factor, interval.high * factor};
}

std::optional<Interval> time_to_limit(const SegmentVerdict& segment, Bytes limit) {
    const double headroom = std::max(0., static_cast<double>(limit) / kMiB - segment.level_mib - std::max(0., segment.overshoot_mib));
    const auto hours = [&](double slope) { return slope > 0 ? headroom / slope : std::numeric_limits<double>::infinity(); };
    const Interval& slope = segment.slope_mib_per_hour;
    return Interval{hours(slope.estimate), hours(slope.high), hours(slope.low)};
}

}  // namespace

TrendVerdict judge_trend(const Series& series, const TrendOptions& options) {
    const SegmentOptions segment_options{options.minimum_bytes_per_hour / kMiB, series.duration(), options.however_short};
    const std::vector<Segment> segments = segments_of(series, segment_options);
    TrendVerdict result;
    if (segments.empty()) {
        result.growth_class = "unknown";
        result.reasons = {"no process in the series ran long enough to be judged; sample longer between restarts"};
        return result;
    }
    const Outcome outcome = vote(segments);
    const Segment& speaking = speaker(segments, outcome);
    const SegmentVerdict& segment = speaking.verdict;

    switch (outcome) {
        case Outcome::growing: result.verdict = Trend::growing; break;
        case Outcome::stable: result.verdict = Trend::stable; break;
        case Outcome::shrinking: result.verdict = Trend::shrinking; break;
        case Outcome::inconclusive: result.verdict = Trend::inconclusive; break;
    }
    result.growth_class = growth_class(segment, result.verdict);
    result.p_leak = segment.p_leak;
    result.slope_bytes_per_hour = scaled(segment.slope_mib_per_hour, kMiB);
    if (!segment.too_few) {
        result.detectable_bytes_per_hour = segment.detectable_mib_per_hour * kMiB;
        result.level_bytes = segment.level_mib * kMiB;
        if (segment.requests_made > 0) {
            result.bytes_per_request = scaled(segment.mib_per_request, kMiB);
            result.detectable_bytes_per_request = *result.detectable_bytes_per_hour * segment.duration_s / 3600 / segment.requests_made;
        }
    }
    if (segment.warmup > 0) result.warmup_end_s = segment.begin_s - series.seconds.front();
    if (result.verdict == Trend::stable && segment.plateau_mib) result.plateau_bytes = *segment.plateau_mib * kMiB;
    if (result.verdict == Trend::growing && options.limit) result.time_to_limit_h = time_to_limit(segment, *options.limit);

    const auto agreeing = std::count_if(segments.begin(), segments.end(), [&](const Segment& s) { return s.verdict.outcome == outcome; });
    result.reasons = reasons_in_words(segment, {result.verdict, segments.size(), static_cast<std::size_t>(agreeing), series.duration()});
    return result;
}

}  // namespace leakline::analysis
