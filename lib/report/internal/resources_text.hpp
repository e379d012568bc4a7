// Texts about descriptors, threads, mappings, processes and IPC objects, shared by all formats. Pure.
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
// The lines that opened what leaks, or may leak: "svc.c:42 (handle), called from svc.c:80 (serve): +180, 50 per 1,000 requests". Of each resource at
// most three, with a tenth of the growth or more.
struct ResourceLineRow {
    std::string_view name;  // "opened at", "started at"; empty but for the first row of a resource
    std::string text;
    const ResourceLine* line;  // of the diagnosis
};
std::vector<ResourceLineRow> resource_line_rows(const Diagnosis& diagnosis);
// The first of them for this resource; null if there is none.
const ResourceLine* main_resource_line(const Diagnosis& diagnosis, Resource resource);
// The rows of a recording, where every line that grows in all rounds is listed.
std::vector<ResourceLineRow> resource_line_rows(const LineReport& lines);
// The processes of a service with several: their number, and those that grew most; otherwise empty.
std::vector<std::string> process_lines(const Diagnosis& diagnosis);
// The verdict on a count of `leakline trend`: "fds.csv: file descriptors grow to the end, 12 per hour".
std::string count_line(const TrendReport::Count& count);

}  // namespace leakline::report
