// What the source says of a line that leaks in a run: the container that grows there, and the removal that is missing.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "model/diagnosis.hpp"
#include "output.hpp"
#include "report/source_text.hpp"

namespace leakline::cli {

// Fills diagnosis.audited where a line leaks. paths: the source to audit; empty: that of a Python program is found and read, which
// takes a second, that of others is not. An audit that fails is a note: the diagnosis stands without it.
void add_audited_cause(Diagnosis& diagnosis, const std::vector<std::string>& paths, report::SourceText& sources, Output& output,
                       const std::stop_token& stop);

}  // namespace leakline::cli
