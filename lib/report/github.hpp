// Output for a GitHub Actions runner. Pure.
#pragma once

#include <string>

#include "report/report.hpp"

namespace leakline::report {

// Workflow commands, one per line: the verdict first, then the leaking lines, at most ten errors in all (the
// runner shows no more per step).
std::string workflow_commands(const Document& document, const RenderOptions& options);

}  // namespace leakline::report
