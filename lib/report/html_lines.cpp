// What pages show of a recording: the code, live bytes over time, growth by call path, the ranking, the accounting.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "report/internal/html_page.hpp"
#include "report/internal/path_tree.hpp"
#include "report/internal/summary.hpp"

namespace leakline::report {

namespace {

constexpr std::size_t kStackedLines = 7;
constexpr double kFlatShare = 0.01;  // of the largest change: a line that changes less is not worth a color

double change_of(const LineGrowth& line) {
    if (line.live_at_marks.empty()) return 0;
    const auto [low, high] = std::minmax_element(line.live_at_marks.begin(), line.live_at_marks.end());
    return *high - *low;
}

// Live bytes of the lines that change most, the others in one series, so that the sum is all live bytes.
struct LiveStack {
    std::vector<const LineGrowth*> lines;  // most change first
    std::vector<double> others;            // one per mark
    std::size_t other_lines = 0;
    double changed = 0;  // the largest change of a line
};

LiveStack live_stack(const LineReport& report) {
    LiveStack stack;
    std::vector<const LineGrowth*> changing;
    for (const LineGrowth& line : report.lines)
        if (line.live_at_marks.size() == report.mark_seconds.size() && change_of(line) > 0) changing.push_back(&line);
    std::stable_sort(changing.begin(), changing.end(),
                     [](const LineGrowth* a, const LineGrowth* b) { return change_of(*a) > change_of(*b); });
    if (!changing.empty()) stack.changed = change_of(*changing.front());
    for (const LineGrowth* line : changing)
        if (stack.lines.size() < kStackedLines && change_of(*line) >= kFlatShare * stack.changed) stack.lines.push_back(line);
    stack.others.assign(report.mark_seconds.size(), 0);
    for (const LineGrowth& line : report.lines) {
        if (std::find(stack.lines.begin(), stack.lines.end(), &line) != stack.lines.end()) continue;
        ++stack.other_lines;
        const bool varies = line.live_at_marks.size() == stack.others.size();
        for (std::size_t mark = 0; mark < stack.others.size(); ++mark)
            stack.others[mark] += varies ? line.live_at_marks[mark] : static_cast<double>(line.live_last_bytes);
    }
    return stack;
}

nlohmann::ordered_json live_json(const LineReport& report, const LiveStack& stack) {
    using Json = nlohmann::ordered_json;
    Json out = {{"seconds", report.mark_seconds}, {"series", Json::array()}};
    const auto add = [&](const std::string& name, const std::vector<double>& values) {
        Json bytes = Json::array();
        for (const double value : values) bytes.push_back(std::isfinite(value) ? Json(value) : Json(nullptr));
        out["series"].push_back({{"name", name}, {"bytes", std::move(bytes)}});
    };
    for (const LineGrowth* line : stack.lines) add(std::string(file_name(place_text(line->at))), line->live_at_marks);
    if (stack.other_lines > 0) {
        add(counted(stack.other_lines, stack.lines.empty() ? "line" : "other line"), stack.others);
        out["others"] = true;
    }
    return out;
}

// Otherwise there is nothing to draw by call path.
bool any_growth(const LineReport& report) {
    return std::any_of(report.lines.begin(), report.lines.end(), [](const LineGrowth& line) { return line.growth_bytes > 0; });
}

std::string growth_gist(const LineReport& report) { return format_signed_bytes(static_cast<double>(report.accounting.live_delta_bytes)); }

}  // namespace

std::string html_flame(bool difference) {
    return fmt::format(
        "<div class=\"tools\"><label>Search <input id=\"search\" type=\"search\" autocomplete=\"off\"></label><span id=\"found\" "
        "class=\"note\" aria-live=\"polite\"></span><button id=\"reset\" type=\"button\">Reset</button><button id=\"unfold\" type=\"button\" "
        "aria-pressed=\"false\" hidden></button></div>\n<p class=\"note swatches\">{}</p>\n<div id=\"flame\" class=\"chart\" role=\"tree\" "
        "aria-label=\"growth by call path\"></div>\n<p class=\"note keys\">Width is {}; callers are above. Click a frame or press Enter to "
        "zoom, the arrow keys move between frames, Escape shows all.</p>\n",
        difference
            ? "<span class=\"swatch more\">grows more than before</span> <span class=\"swatch less\">less</span> <span class=\"swatch "
              "same\">no difference</span>"
            : "<span class=\"swatch own\">your code</span> <span class=\"swatch library\">library and runtime</span> <span "
              "class=\"swatch leaking\">leaking line</span>",
        difference ? "the growth before or after the change, whichever is larger" : "growth of live bytes");
}

std::string add_line_sections(std::vector<HtmlSection>& sections, const LineReport& report, const RenderOptions& options, bool quiet) {
    const LiveStack stack = live_stack(report);
    const PathNode paths = growth_by_path(report);
    if (report.mark_seconds.size() >= 2 && !report.lines.empty())
        sections.push_back({"live", "Live bytes by line",
                            "<div id=\"live-chart\" class=\"chart\" aria-label=\"live bytes over time, by line, stacked\"></div>\n",
                            stack.lines.empty() ? "flat in all lines"
                                                : fmt::format("{}{}", counted(stack.lines.size(), "changing line"),
                                                              stack.other_lines > 0 ? ", the others in one" : ""),
                            quiet, true});
    if (any_growth(report)) {
        sections.push_back({"paths", "Growth by call path", html_flame(false), growth_gist(report), quiet, true});
        sections.push_back({"calls", "Call tree", html_call_tree(report, paths), growth_gist(report), quiet});
    }
    if (!report.lines.empty())
        sections.push_back({"ranking", "Lines by growth", html_ranking(report.lines, options), "live bytes of the heap", quiet});
    sections.push_back({"accounting", "Memory accounting", html_accounting(report), growth_gist(report) + " of live heap"});
    return fmt::format("\"live\":{},\"flame\":{}", live_json(report, stack).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                       flame_json(paths, false));
}

}  // namespace leakline::report
