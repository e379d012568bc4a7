// A replay's results per path, for all formats: the busiest first.
//
// Pure, safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "model/request.hpp"

namespace leakline::report {

struct PathResult {
    std::string name;          // "POST /api/track"
    std::string sent, errors;  // counts as text
    std::string p50, p99;      // "-" if nothing was answered, instead of 0 ms
};
struct PathResults {
    std::vector<PathResult> shown;
    std::size_t more = 0;  // paths that are not shown
};
PathResults busiest_paths(const ReplayStats& stats, std::size_t most);

}  // namespace leakline::report
