// What a GitHub Actions runner reads from a step's output. Pure.
#pragma once

#include <string>

#include "report/report.hpp"

namespace leakline::report {

// Workflow commands, one a line: the verdict first, then the leaking lines, at most ten errors in all (the
// runner shows no more of a step).
std::string workflow_commands(const Document& document, const RenderOptions& options);

}  // namespace leakline::report
