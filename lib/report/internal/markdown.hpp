// Parts of Markdown, for documents that are put together of several. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/report.hpp"

namespace leakline::report::markdown {

// Plain text: markup characters are escaped, and so are '@', which notifies people, and '#', which links issues.
std::string plain(std::string_view text);
// `code` within a table row: HTML's element, because a code span cannot hold '|' and backquotes at once.
std::string code(std::string_view text);
// Folded away under its title, which is Markdown.
std::string details(std::string_view title, const std::string& body);

// In order of importance: the verdict, the table of facts, and parts that are folded away.
std::vector<std::string> diagnosis_parts(const Diagnosis& diagnosis, const RenderOptions& options);
// A document as it stands by itself, or within another: behind the heading's marks and first words.
std::string with_heading(std::string_view heading, const Comparison& comparison, const RenderOptions& options);
std::string with_heading(std::string_view heading, const History& history, const RenderOptions& options);
// The parts in order, at most 60 kB; from the first that no longer fits, the rest is omitted and counted.
std::string fit(const std::vector<std::string>& parts);

}  // namespace leakline::report::markdown
