// What several commands say with --verbose: what was read, what was made of it, and where source text was found.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "messages.hpp"
#include "model/diagnosis.hpp"
#include "model/heap.hpp"
#include "report/source_text.hpp"

namespace leakline::cli {

void detail_recording(Messages& messages, const std::string& file, const HeapProfile& profile);
// The window, how many marks it holds, and how many lines are of which class.
void detail_lines(Messages& messages, const LineReport& report);
// Of each file that debug info names: where its text was found.
void detail_sources(Messages& messages, const report::SourceText& sources);
void detail_diagnosis(Messages& messages, const std::string& file, const Diagnosis& diagnosis);

}  // namespace leakline::cli
