// The cause of a line that leaks in a run, from an audit of the source: the container that grows there, and the removal that is missing.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "model/diagnosis.hpp"
#include "output.hpp"
#include "report/source_text.hpp"

namespace leakline::cli {

// Fills diagnosis.audited if a line leaks, or grows as a cache that is still filling would: what the source removes helps to tell which.
// paths: the source to audit, of which errors are thrown. Empty: the folder of the line if it is
// Python, which takes a second; an error is then only a detail, as the diagnosis is complete without the audit.
void add_audited_cause(Diagnosis& diagnosis, const std::vector<std::string>& paths, report::SourceText& sources, Output& output,
                       const std::stop_token& stop);

}  // namespace leakline::cli
