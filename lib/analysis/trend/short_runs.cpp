#include "analysis/trend/internal/short_runs.hpp"

#include <algorithm>

#include "analysis/statistics.hpp"
#include "analysis/trend/internal/thresholds.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis::trend {

double outgrown(const Samples& samples, double level_mib) {
    using namespace thresholds::short_runs;
    // Not the first sample alone: before a command's own program is loaded its process is tiny.
    const auto end = samples.bytes.begin() + static_cast<std::ptrdiff_t>(samples.size() / kLevelDivisor + 1);
    return level_mib / std::max(median({samples.bytes.begin(), end}) / kMiB, kMinLevelMib) - 1;
}

// In its first minute a healthy process still collects some hundred KiB: arenas of its threads, page caches, tables that
// double. (Seen in 2 of 44 runs of 30 and 40 s over healthy services: 0.3 and 0.4 MiB.) A runtime with a collected heap
// takes longer and more: a Java service of 44 MiB filled its young generation along a line, to 290 MiB in 60 s; a node
// server of 45 MiB grew by a tenth in 45 s, in steps and bends. What a leak has that none of 300 windows of 20 to 120 s
// over such services had is a plain line, or a minute of growth that is nearly certain and not small; neither with a
// warm-up before it, nor far above the level at which the run began. A process that grows until it is restarted, again
// and again, does not warm up: then the whole run counts. And what follows a warm-up that was seen goes on for some
// minutes, by a quarter of a MiB in node servers of 54 MiB.
Veto too_short_for_growth(const Samples& samples, const SegmentOptions& options, const SegmentVerdict& verdict) {
    using namespace thresholds::short_runs;
    constexpr double kSecondsPerHour = 3600;
    const double run = std::max(samples.duration(), options.run_s);
    if (options.however_short || run >= kTailOver || verdict.requests_made > 0 || options.minimum_mib_per_hour > 0) return Veto::none;
    const double grown = verdict.slope_mib_per_hour.estimate * verdict.duration_s / kSecondsPerHour;
    if (run >= kWarmupOver) return verdict.warmup > 0 && grown < kStartupMib ? Veto::tail_of_warmup : Veto::none;
    if (run < kMinute && grown < kStartupMib) return Veto::hardly_begun;
    const bool plain_line = verdict.shape == Shape::linear && verdict.p_leak >= kLinePLeak && grown >= kLineGrowth * verdict.level_mib;
    const bool sure = run >= kMinute && verdict.p_leak >= kCurvePLeak && verdict.outgrown >= kCurveGrowth;
    return (plain_line || sure) && verdict.warmup <= 0 && verdict.outgrown < kWarmupGrowth ? Veto::none : Veto::may_be_warming_up;
}

}  // namespace leakline::analysis::trend
