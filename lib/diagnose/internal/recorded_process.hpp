// Inside lib/diagnose only.
#pragma once

#include "diagnose/internal/measured_target.hpp"

namespace leakline::diagnose {

// The command may start other programs (a shell, a launcher): then the one that answers requests is to be recorded. Sets follow,
// no_lines and extensions of the context. To be called at the start of each run that is measured.
void find_recorded_process(RunContext& context, MeasuredTarget& target);

}  // namespace leakline::diagnose
