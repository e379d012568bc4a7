// Growth by call path, from the entry points of a program down to the lines that allocate. Pure.
#pragma once

#include <map>
#include <string>

#include "report/report.hpp"

namespace leakline::report {

struct PathNode {
    CodeLine at;  // of the root: nothing
    bool library = false, leaking = false;
    double before = 0, after = 0;          // bytes, or of a comparison bytes per Comparison::per, with all that is below
    double size = 0;                       // the larger of both, summed over the paths below: the width to draw
    std::map<CodeLine, PathNode> callees;  // what it calls
};

// Growth is in `after`. Lines that do not grow, and paths without growth, are left out.
PathNode growth_by_path(const LineReport& report);
PathNode growth_by_path(const Comparison& comparison);

}  // namespace leakline::report
