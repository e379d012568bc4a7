// Growth in a run too short to distinguish a leak from a warm-up. Pure.
#pragma once

#include "analysis/trend/internal/segment.hpp"

namespace leakline::analysis::trend {

// How far a level at the end (in MiB) is above that of the first twentieth of samples, as a part of it.
double outgrown(const Samples& samples, double level_mib);

// Why verdict, which is growing, is not to be called a leak yet; none where it may be. Whoever names a minimum has said what
// matters, and where requests are known they are what growth is held against.
Veto too_short_for_growth(const Samples& samples, const SegmentOptions& options, const SegmentVerdict& verdict);

}  // namespace leakline::analysis::trend
