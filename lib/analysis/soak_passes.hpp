// Compares repetitions of the same traffic: a curve cannot judge memory that varies with a log's
// daily cycle, of which three days hold only three. Pure.
//
// The peak of a pass over the log (the 95 % quantile of its samples) is when the service holds most of what it may hold. A
// leak of g bytes per request lifts it by g times the requests of a pass, each time; a cache or a cleaning job that is done with
// the cycle does not. In the same way growth with time lifts the peak of a slower run above that of a faster one over the same
// requests.
#pragma once

#include <string_view>

#include "model/series.hpp"

namespace leakline::analysis {

// The growth class of a trend that passes have settled: memory has no one level then.
inline constexpr std::string_view kCycleClass = "cycle";

// The trend where it is not stable, but the passes show that it is the log's own cycle: then it is stable, with what passes
// could have shown as the smallest growth. Unchanged with fewer than three whole passes, where the peak rises from the second
// to the last by more than 2 % (or 1 MiB), and where growth that the trend claims is too small for passes to refute.
TrendVerdict settled_by_passes(TrendVerdict trend, const Series& series, double requests_a_pass);

// The same of a slower run's trend, by a faster run that does not grow: stable where the slower one is no more than 2 % (or
// 1 MiB) above the faster one's peak over the same requests. Unchanged where the slower run is the longer one.
TrendVerdict settled_by_faster(TrendVerdict trend, const Series& slower, const Series& faster);

}  // namespace leakline::analysis
