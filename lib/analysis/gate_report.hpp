// What a gate catches, from its runs. Pure functions, safe from any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/gate_report.hpp"

namespace leakline::analysis {

// runs: file names and diagnoses, in any order, not empty. The newest that is not invalid is explained; the newest, if all are.
GateReport explain_gate(std::vector<std::pair<std::string, Diagnosis>> runs);

}  // namespace leakline::analysis
