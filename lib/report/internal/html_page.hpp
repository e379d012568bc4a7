// The frame of an HTML report: one file that opens from disk without network. Pure.
#pragma once

#include <string>
#include <string_view>

#include "report/report.hpp"

namespace leakline::report {

namespace assets {  // the files of lib/report/assets
extern const std::string_view uplot_css, uplot_js, flamegraph_js, report_css, report_js;
}

// A whole page. title is plain text, body is HTML; data is JSON for the charts, empty: no charts and no
// scripts.
std::string html_page(const std::string& title, const std::string& body, const std::string& data);

// Parts that pages share; all return HTML.
std::string html_cut(std::string_view text);  // at most 2000 bytes of plain text, and their original number
std::string html_line_table(const LineTable& table, const RenderOptions& options);  // with growth bars
std::string html_ranking(const std::vector<LineGrowth>& lines, const RenderOptions& options);
std::string html_accounting(const LineReport& report);
std::string html_replay(const ReplayStats& stats);
std::string html_paths(const ReplayStats& stats);                                          // the results per path
std::string html_list(const std::string& heading, const std::vector<std::string>& texts);  // empty: nothing
std::string html_history(const History& history);
std::string html_trends(const TrendReport& report);                                       // the body of a page of many runs, worst first
std::string html_comparison(const Comparison& comparison, const RenderOptions& options);  // the same, before and after

// Growth by call path as d3-flame-graph reads it: {"name", "value", "children"}, the outermost caller at the
// root.
std::string flame_json(const LineReport& report);

}  // namespace leakline::report
