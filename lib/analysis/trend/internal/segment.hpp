// The verdict on one segment of one process's samples: front end, curves, classes, vetoes, and the cut of the warm-up.
// Pure functions; MiB, seconds and hours.
#pragma once

#include <optional>
#include <vector>

#include "analysis/trend/internal/classes.hpp"
#include "analysis/trend/internal/front_end.hpp"
#include "analysis/trend/internal/points.hpp"
#include "analysis/trend/internal/vetoes.hpp"
#include "model/series.hpp"

namespace leakline::analysis::trend {

enum class Outcome { growing, stable, shrinking, inconclusive };

// What the curves' x is.
enum class Axis { time, requests };

struct SegmentVerdict {
    Outcome outcome = Outcome::inconclusive;
    Veto veto = Veto::none;
    bool too_few = false;       // fewer than thresholds::verdict::kMinSamples samples, or no time between them
    bool within_noise = false;  // the whole range is below what counts as growth: nothing was fitted
    double p_leak = 0, p_stable = 0, p_reset = 0;
    Shape shape = Shape::constant;
    double knee = 0;
    Summary summary = Summary::block_median;
    bool visible_cycle = false;  // see Points
    Axis axis = Axis::time;
    bool load_removed = false;
    Interval slope_mib_per_hour;       // at the end; 95 %
    Interval leak_slope_mib_per_hour;  // of those curves alone that end in growth
    Interval mib_per_request;          // where requests_made > 0
    double requests_made = 0;
    std::optional<double> plateau_mib;
    double level_mib = 0;      // fitted, at the last sample
    double overshoot_mib = 0;  // 95 % quantile of the bins' 90 % quantile above the fit
    double detectable_mib_per_hour = 0;
    double fill_flat_deficit = 0;  // see Mixture
    double correlation = 0;
    double duration_s = 0;              // of the part that was judged
    double begin_s = 0;                 // where that part begins, in the series' seconds
    double outgrown = 0;                // level at the end over that of the first twentieth of the segment, minus 1
    double warmup = 0;                  // what was cut before it, as a share of the whole segment
    std::optional<Shape> warmup_shape;  // the curve of the whole, which showed the warm-up
    std::size_t samples = 0;
};

struct SegmentOptions {
    double minimum_mib_per_hour = 0;
    double run_s = 0;            // of the whole run, if the segment is one of its processes; 0: the segment is the whole run
    bool however_short = false;  // see TrendOptions
};

SegmentVerdict judge_segment(const Samples& samples, const SegmentOptions& options);

}  // namespace leakline::analysis::trend
