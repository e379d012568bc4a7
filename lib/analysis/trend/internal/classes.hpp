// The prediction of a fitted curve: bounded, leak, open or declining; and the evidence of a whole mixture.
#pragma once

#include <optional>
#include <vector>

#include "analysis/trend/internal/fit.hpp"

namespace leakline::analysis::trend {

enum class CurveClass {
    bounded,    // stays at its level from here on
    leak,       // ends in growth that nothing seen so far limits
    open,       // still saturating, bent too late to decide, or a reset not yet outgrown: both are possible
    declining,  // ends in a fall
};

// least_growth: MiB over the run (see Scales).
CurveClass classify(const FittedCurve& curve, double least_growth);

struct ClassEvidence {
    double leak = 0;                          // P(growth that does not end)
    double stable = 0;                        // P(no relevant growth)
    double reset = 0;                         // part of the mixture in which memory fell and has not come back
    std::optional<double> plateau;            // level of the bounded curves, MiB
    std::vector<SlopeComponent> leak_slopes;  // of the leak curves, MiB over the run
};

ClassEvidence weigh(const Mixture& mixture, double least_growth);

// The end slope of the whole mixture, where there is no leak: bounded curves have none.
std::vector<SlopeComponent> all_slopes(const Mixture& mixture);

}  // namespace leakline::analysis::trend
