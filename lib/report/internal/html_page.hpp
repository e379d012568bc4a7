// The frame of an HTML report: one file that opens from disk without network. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/report.hpp"

namespace leakline::report {

struct PathNode;

namespace assets {  // the files of lib/report/assets
extern const std::string_view uplot_css, uplot_js, flamegraph_js, report_css, report_js, licenses;
}

struct HtmlSection {
    std::string id, heading;
    std::string body;       // HTML; a section without one is left out
    std::string gist = {};  // HTML beside the heading: the summary for readers who leave it folded
    bool folded = false;
    bool scripted = false;  // shows nothing without JavaScript
};

struct HtmlPage {
    std::string title;   // plain text
    std::string header;  // HTML, above the contents
    std::vector<HtmlSection> sections = {};
    std::string data = {};  // JSON for the charts; empty: no charts and no scripts
    bool glossary = false;
};
std::string html_page(const HtmlPage& page);

// A figure that a page begins with. All plain text; note may be empty.
struct HtmlTile {
    std::string label, value, note = {};
    std::string_view style = {};  // CSS class
};
// An estimate, with its bounds below.
HtmlTile interval_tile(std::string label, const Interval& bytes);
std::string html_tiles(const std::vector<HtmlTile>& tiles);

// The file name of a command's program, of an interpreter's that of the script. Empty if there is none.
std::string program_name(std::string_view command);

// Parts that pages share; all return HTML.
std::string html_cut(std::string_view text);  // at most 2000 bytes of plain text, and their original number
// With growth bars. at: the line to mark, may be null.
std::string html_line_table(const LineTable& table, const RenderOptions& options, const CodeLine* at = nullptr);
// Each table of the report, the one of the line `at` first and open, those without growth folded.
std::string html_line_tables(const LineReport& report, const LineTable* first, const CodeLine* at, const RenderOptions& options);
std::string html_ranking(const std::vector<LineGrowth>& lines, const RenderOptions& options);
std::string html_accounting(const LineReport& report);
std::string html_replay(const ReplayStats& stats);
std::string html_paths(const ReplayStats& stats);              // the results per path
std::string html_list(const std::vector<std::string>& texts);  // empty: nothing
// The sections of what a recording shows by line, their charts and tables; quiet: nothing leaks, so all but the first fold.
// Returns the data of the charts: members of a JSON object, without its braces.
std::string add_line_sections(std::vector<HtmlSection>& sections, const LineReport& report, const RenderOptions& options, bool quiet);

HtmlPage html_history(const History& history);
HtmlPage html_trends(const TrendReport& report);                                       // many runs, worst first
HtmlPage html_comparison(const Comparison& comparison, const RenderOptions& options);  // the same, before and after
HtmlPage html_diagnosis(const Diagnosis& diagnosis, const RenderOptions& options);

// Growth by call path as d3-flame-graph reads it: {"name", "value", "children"}, the outermost caller at the
// root; "library" and "leaking" where true. A comparison has "sides": [before, after].
std::string flame_json(const PathNode& root, bool difference);
// The place of a flame graph, with its search field and legend.
std::string html_flame(bool difference);
// The same in both directions as lists that need no script; empty if nothing grows. root: growth_by_path(report).
std::string html_call_tree(const LineReport& report, const PathNode& root);

}  // namespace leakline::report
