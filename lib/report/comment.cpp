#include "report/comment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "base/ascii.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "report/internal/markdown.hpp"
#include "report/internal/plot.hpp"

namespace leakline::report {

namespace {

// More are too close to each other to be seen.
constexpr std::size_t kMaxChartPoints = 60, kMaxRuns = 30;

// Mermaid's strings have no escapes.
std::string chart_text(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, 80))
        out += is_letter(c) || is_digit(c) || std::string_view(" .,:/()_-").find(c) != std::string_view::npos ? c : ' ';
    return out;
}

// The value at each of so many places at equal distances: an xychart has no others.
std::vector<double> at_equal_distances(const std::vector<Point>& points, std::size_t count) {
    std::vector<double> values;
    std::size_t next = 1;
    for (std::size_t i = 0; i < count; ++i) {
        const double x = points.front().x + (points.back().x - points.front().x) * static_cast<double>(i) / static_cast<double>(count - 1);
        while (next + 1 < points.size() && points[next].x < x) ++next;
        const Point &a = points[next - 1], &b = points[next];
        const double share = b.x > a.x ? std::clamp((x - a.x) / (b.x - a.x), 0.0, 1.0) : 1;
        values.push_back(a.y + (b.y - a.y) * share);
    }
    return values;
}

struct Chart {
    std::string title, x_name, y_name;
    double x_begin = 0, x_end = 1, y_low = 0, y_high = 1;
    std::vector<double> categories;  // in place of x_begin and x_end: one for each value
    std::vector<double> values;
};

std::string joined(const std::vector<double>& values) {
    std::string numbers;
    for (const double value : values) numbers += fmt::format("{}{:.4g}", numbers.empty() ? "" : ", ", value);
    return numbers;
}

// https://mermaid.js.org/syntax/xyChart.html; the first color of its own palette is nearly white.
std::string mermaid(const Chart& chart) {
    const std::string range = chart.categories.empty() ? fmt::format("{:.4g} --> {:.4g}", chart.x_begin, chart.x_end)
                                                       : fmt::format("[{}]", joined(chart.categories));
    return fmt::format(
        "```mermaid\n---\nconfig:\n  xyChart:\n    width: 800\n    height: 300\n  themeVariables:\n    xyChart:\n"
        "      plotColorPalette: \"#0969da\"\n---\nxychart-beta\n  title \"{}\"\n  x-axis \"{}\" {}\n"
        "  y-axis \"{}\" {:.4g} --> {:.4g}\n  line [{}]\n```\n",
        chart_text(chart.title), chart_text(chart.x_name), range, chart_text(chart.y_name), chart.y_low, chart.y_high,
        joined(chart.values));
}

// The unit in which the largest value has one to four digits.
struct ChartUnit {
    const char* name;
    double bytes;
};
ChartUnit unit_for(double largest) {
    constexpr ChartUnit kUnits[] = {{"GiB", 1024.0 * 1024 * 1024}, {"MiB", 1024.0 * 1024}, {"KiB", 1024}, {"B", 1}};
    return *std::find_if(std::begin(kUnits), std::end(kUnits) - 1, [&](const ChartUnit& unit) { return largest >= unit.bytes; });
}

std::string memory_chart(const Diagnosis& diagnosis) {
    const MemoryPlot plot = memory_plot(diagnosis.series, diagnosis.trend, 1000, diagnosis.memory_limit, diagnosis.rounds);
    if (plot.points.size() < 2 || !(plot.high > plot.low)) return {};
    const ChartUnit unit = unit_for(plot.high);
    Chart chart;
    chart.title = fmt::format("{} over time{}", diagnosis.metric, plot.cropped ? " (the axis does not begin at zero)" : "");
    chart.x_name = "seconds";
    chart.y_name = unit.name;
    chart.x_begin = plot.begin_s;
    chart.x_end = plot.end_s;
    chart.y_low = plot.low / unit.bytes;
    chart.y_high = plot.high / unit.bytes;
    chart.values = at_equal_distances(plot.points, std::min(kMaxChartPoints, plot.points.size()));
    for (double& value : chart.values) value /= unit.bytes;
    return "\n" + mermaid(chart);
}

// Growth per request in the last runs that measured it.
std::string history_chart(const History& history) {
    std::vector<double> growth;
    for (const History::Run& run : history.runs)
        if (run.bytes_per_request && std::isfinite(run.bytes_per_request->estimate))
            growth.push_back(std::max(0.0, run.bytes_per_request->estimate));
    if (growth.size() > kMaxRuns) growth.erase(growth.begin(), growth.end() - kMaxRuns);
    if (growth.size() < 2) return {};
    const double largest = *std::max_element(growth.begin(), growth.end());
    const ChartUnit unit = unit_for(largest);
    Chart chart;
    chart.title = fmt::format("Growth of memory per request in the last {} runs", growth.size());
    chart.x_name = "runs, oldest first";
    chart.y_name = unit.name;
    for (std::size_t run = 1; run <= growth.size(); ++run) chart.categories.push_back(static_cast<double>(run));
    chart.y_high = std::max(largest / unit.bytes * 1.1, 1.0);
    chart.values = growth;
    for (double& value : chart.values) value /= unit.bytes;
    return "\n" + mermaid(chart);
}

std::string measured_at(const CommentContent& content) {
    std::string text;
    if (!content.commit.empty()) text = "Measured at " + markdown::code(content.commit) + ". ";
    if (!content.run_url.empty()) text += "[Reports of this run](" + content.run_url + ")";
    return text.empty() ? text : "\n" + text + "\n";
}

}  // namespace

std::string comment_markdown(const CommentContent& content, const RenderOptions& options) {
    std::vector<std::string> parts = markdown::diagnosis_parts(content.diagnosis, options);
    std::vector<std::string> shown;
    if (std::string chart = memory_chart(content.diagnosis); !chart.empty()) shown.push_back(std::move(chart));
    if (content.comparison != nullptr)
        shown.push_back("\n" + markdown::with_heading("#### Before and after, ", *content.comparison, options));
    if (content.history != nullptr) {
        shown.push_back("\n" + markdown::with_heading("#### ", *content.history, options));
        shown.push_back(history_chart(*content.history));
    }
    shown.push_back(measured_at(content));
    parts.insert(parts.begin() + 2, shown.begin(), shown.end());  // behind the verdict and the table of facts
    return markdown::fit(parts);
}

}  // namespace leakline::report
