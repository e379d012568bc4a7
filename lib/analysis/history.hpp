// Which line grows a little more every time while no single step is large enough to be noticed. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/history.hpp"

namespace leakline::analysis {

// Runs are put in order by when they started; those that do not say so stand last, as they were given. The pairs are file
// names and what the files hold. Lines are identified as in a baseline; the limits are its too (see baseline.hpp): a change
// counts where even the lower bound of the newest growth is beyond it. A run that leaks without a leaking line counts as
// growth of a line of its own, which has no file.
History make_history(std::vector<std::pair<std::string, Diagnosis>> diagnoses);

}  // namespace leakline::analysis
