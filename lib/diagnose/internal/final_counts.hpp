// Inside lib/diagnose only.
#pragma once

#include "analysis/resources.hpp"
#include "diagnose/internal/measured_target.hpp"

namespace leakline::diagnose {

// The counts at the marks so far, judged.
Resources judged_counts(const MeasuredTarget& target, const analysis::ResourceOptions& options);

// The same at the end of a run, before MeasuredTarget::finish(): where the run was stopped for a limit, with a last mark; where
// something grows, after some seconds without traffic that show whether it follows time. Adds to the result's warnings.
Resources final_counts(RunContext& context, MeasuredTarget& target, const analysis::ResourceOptions& options);

}  // namespace leakline::diagnose
