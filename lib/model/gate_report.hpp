// What a gate with the runs of a service catches: the smallest leak that fails it, what that leak would do, and what the runs did not
// exercise. Plain data, made by analysis/gate_report.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/diagnosis.hpp"

namespace leakline {

struct GateReport {
    struct Smallest {
        std::string file;  // of the run
        CodeLine at;       // no line: of memory as a whole
        std::string source;
        double bytes_per_request = 0;
        std::optional<double> hours_to_limit;  // at the log's rate
    };

    std::string file;  // of the newest run that measured
    Diagnosis run;     // without its samples
    // Of that run. A leak below it cannot be distinguished from none; one between it and the budget can, and passes.
    std::optional<double> detectable_bytes_per_request, detectable_bytes_per_hour;  // per hour at the log's rate
    std::optional<double> fails_bytes_per_request;                                  // the larger of the limit and the budget
    std::optional<double> level_bytes;                                              // memory at the run's end
    std::optional<double> hours_to_limit;                                           // of a leak as large as the detection limit
    // Over all runs that were given.
    std::size_t runs = 0, leaks = 0, inconclusive = 0, invalid = 0;
    std::optional<Interval> detectable_of_runs;  // bytes per request: the median run, the best and the worst
    std::optional<Smallest> smallest;            // leak that was found
};

}  // namespace leakline
