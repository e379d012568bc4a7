// Determines which requests a replay did not exercise. Pure functions, safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "model/coverage.hpp"
#include "model/request.hpp"

namespace leakline::analysis {

Coverage coverage_of(const ReplayStats& replay);

}  // namespace leakline::analysis
