// The functions behind the table in report.cpp: one a file, all of the same shape.
#pragma once

#include "report/report.hpp"

namespace leakline::report {

std::string render_text(const Document& document, const RenderOptions& options);
std::string render_json(const Document& document, const RenderOptions& options);
std::string render_markdown(const Document& document, const RenderOptions& options);
std::string render_csv(const Document& document, const RenderOptions& options);
std::string render_junit(const Document& document, const RenderOptions& options);
std::string render_sarif(const Document& document, const RenderOptions& options);
std::string render_github(const Document& document, const RenderOptions& options);
std::string render_gitlab(const Document& document, const RenderOptions& options);
std::string render_openmetrics(const Document& document, const RenderOptions& options);
std::string render_html(const Document& document, const RenderOptions& options);
std::string render_svg(const Document& document, const RenderOptions& options);
std::string render_folded(const Document& document, const RenderOptions& options);
std::string render_speedscope(const Document& document, const RenderOptions& options);
std::string render_pprof(const Document& document, const RenderOptions& options);

}  // namespace leakline::report
