// Texts about descriptors, threads, mappings and processes, shared by all formats. Pure.
#pragma once

#include <string>
#include <vector>

#include "model/diagnosis.hpp"
#include "report/report.hpp"

namespace leakline::report {

// One line per resource that leaks or may leak, and one for all that do not grow; empty if none was measured.
std::vector<std::string> resource_lines(const Diagnosis& diagnosis);
// "file descriptors leak, 50 per 1,000 requests: ...; 1,024 (RLIMIT_NOFILE of nginx (pid 12)) are reached in 1h20m".
std::string resource_line(const ResourceGrowth& growth);
// The processes of a service with several: their number, and those that grew most; otherwise empty.
std::vector<std::string> process_lines(const Diagnosis& diagnosis);
// The verdict on a count of `leakline trend`: "fds.csv: file descriptors grow to the end, 12 per hour".
std::string count_line(const TrendReport::Count& count);

}  // namespace leakline::report
