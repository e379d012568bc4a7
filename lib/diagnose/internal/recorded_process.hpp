// Inside lib/diagnose only.
#pragma once

#include "diagnose/internal/measured_target.hpp"
#include "heap/preflight.hpp"

namespace leakline::diagnose {

// Sets the tracker and no_lines of the context by what is known of the program, and adds warnings to its result.
void take_preflight(RunContext& context, heap::Preflight preflight);

// The command may start other programs (a shell, a launcher): then the one that answers requests is to be recorded. Sets follow,
// no_lines and extensions of the context. To be called at the start of each run that is measured.
void find_recorded_process(RunContext& context, MeasuredTarget& target);

}  // namespace leakline::diagnose
