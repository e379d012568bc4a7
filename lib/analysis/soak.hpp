// Extrapolates memory over days from one log replayed at two speeds. Pure.
//
// Growth that follows requests takes the same bytes per request at any speed; growth that follows time takes
// more of them at a lower speed. Only the first may be extrapolated from minutes to days. Where the service's clock
// runs as fast as its traffic, what follows that clock (a ttl, a timed report that is kept) follows requests as well, and is
// extrapolated with them.
//
// A run cannot show what takes longer than itself: memory is flat only if it stayed level for twice as long as it took
// to reach that level, at both speeds; the reason states the hours that were covered.
#pragma once

#include "base/quantities.hpp"
#include "model/diagnosis.hpp"

namespace leakline::analysis {

// How far apart the two speeds are: enough for growth with time to show, and the slower run covers a third of the
// traffic in the same real time.
inline constexpr double kSoakSpeedsApart = 3;

// A run whose traffic came through more slowly than that, as a share of what the speed asked for, was not at that speed.
inline constexpr double kMinSoakPace = 0.95;

// Where memory of this run first was at the level that its trend ends at, within 2 % or 1 MiB: an index of the series; 0 where it
// is empty, and where memory is not stable.
std::size_t settled_at(const Series& series, const TrendVerdict& trend);

// Hours of traffic that the slower run covers before it may end as decided: as much real time as the faster one had, so that
// growth with time has the same chance, and twice what the faster one took to become level. At most `hours`.
double least_hours_of_slower(const SoakRun& faster, double hours);

// Reads hours and runs of the soak; sets the rest. requests_per_second: the log's own rate. limit: of memory.
// start_bytes: memory before the first request.
void judge_soak(Soak& soak, double requests_per_second, std::optional<Bytes> limit, double start_bytes);

}  // namespace leakline::analysis
