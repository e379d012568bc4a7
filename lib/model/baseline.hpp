// The known leaks of a project: a committed file that a CI run is compared with, so that old leaks do not fail a build and
// new or larger ones do. Plain data; report/baseline_file reads and writes it, analysis/baseline judges by it.
#pragma once

#include <string>
#include <vector>

#include "base/quantities.hpp"

namespace leakline {

struct Baseline {
    struct Line {
        std::string function, source, file;
        double bytes_per_request = 0;  // accepted
        std::vector<double> history;   // what was measured each time that the baseline was written, oldest first
    };
    // Of an audit of the source: known by what grows, not by its line.
    struct Finding {
        std::string rule, container, file;
    };
    struct Suppression {
        std::string function, source, reason;
        Growth max;
        std::string expires;         // ISO date, the last day on which it applies; empty: no end
        std::string container = {};  // not empty: of an audit's finding; then function, source and max are not used
    };
    std::vector<Line> lines;
    std::vector<Finding> findings;
    std::vector<Suppression> suppressions;
};

}  // namespace leakline
