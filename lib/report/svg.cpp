#include "report/internal/svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/internal/renderers.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/xml.hpp"

namespace leakline::report {

namespace {

constexpr double kWidth = 900, kHeight = 340, kLeft = 78, kRight = 24, kTop = 34, kBottom = 40;

constexpr const char* kCroppedAxis = "the axis does not begin at 0";

constexpr const char* kStyle =
    "<style>.ll{font:12px system-ui,sans-serif}.ll text{fill:#24292f}.ll .grid{stroke:#d0d7de;stroke-width:1}"
    ".ll .round{fill:#0969da;fill-opacity:.05}.ll .warm{fill:#6e7781;fill-opacity:.12}.ll "
    ".line{fill:none;stroke:#0969da;stroke-width:1.6}"
    ".ll .band{fill:#cf222e;fill-opacity:.15}.ll "
    ".fit{fill:none;stroke:#cf222e;stroke-width:1.6;stroke-dasharray:6 4}"
    ".ll .mark{stroke:#cf222e;stroke-width:1}.ll circle.mark{fill:#cf222e}.ll .limit{stroke:#9a6700;stroke-width:1.5;stroke-dasharray:2 3}.ll "
    ".title{font-size:14px;font-weight:600}"
    "@media(prefers-color-scheme:dark){.ll text{fill:#e6edf3}.ll .grid{stroke:#30363d}.ll "
    ".line{stroke:#58a6ff}"
    ".ll .fit{stroke:#ff7b72}.ll .band{fill:#ff7b72}.ll .mark{stroke:#ff7b72}.ll circle.mark{fill:#ff7b72}.ll .limit{stroke:#d29922}}</style>";

// One decimal of a pixel is enough, and keeps files small.
std::string coordinates(const std::vector<Point>& points, double x0, double x_scale, double y0, double y_scale) {
    std::string out;
    for (const Point& point : points)
        out += fmt::format("{}{:.1f},{:.1f}", out.empty() ? "" : " ", x0 + point.x * x_scale, y0 + point.y * y_scale);
    return out;
}

constexpr double kRightEdge = kWidth - kRight, kFloor = kHeight - kBottom;

std::string svg_begin(const std::string& title) {
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ll\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
        "height=\"{1}\" role=\"img\">"
        "<title>{2}</title>{3}\n<text class=\"title\" x=\"{4}\" y=\"18\">{2}</text>\n",
        kWidth, kHeight, xml_text(title), kStyle, kLeft);
}

std::string bytes_tick(double y, double bytes) {
    return fmt::format(
        "<line class=\"grid\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/><text x=\"{3}\" y=\"{4:.1f}\" "
        "text-anchor=\"end\">{5}</text>\n",
        kLeft, kRightEdge, y, kLeft - 6, y + 4, tick_text(bytes, Scale::bytes));
}

std::string time_tick(double x, double seconds) {
    return fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/><text x=\"{0:.1f}\" y=\"{3}\" "
        "text-anchor=\"middle\">{4}</text>\n",
        x, kFloor, kFloor + 5, kFloor + 20, tick_text(seconds, Scale::seconds));
}

}  // namespace

std::string projection_svg(double now, double limit, const Interval& hours, const std::string& rate) {
    if (!std::isfinite(hours.estimate) || hours.estimate <= 0 || !(now < limit)) return {};
    const double seconds = hours.estimate * 3600;
    // An interval without an upper bound would have no room for anything else.
    const double latest = std::min(std::isfinite(hours.high) ? hours.high * 3600 : seconds * 2, seconds * 2);
    const double earliest = std::isfinite(hours.low) ? std::clamp(hours.low * 3600, 0.0, seconds) : 0;
    const double end = std::max(latest, seconds) * 1.12, top = limit * 1.15;
    const auto x = [&](double at) { return kLeft + (kRightEdge - kLeft) * std::clamp(at / end, 0.0, 1.0); };
    const auto y = [&](double bytes) { return kFloor - (kFloor - kTop) * std::clamp(bytes / top, 0.0, 1.0); };
    std::string out = svg_begin("Projection " + rate);
    for (double tick : ticks(0, top, 6, Scale::bytes)) out += bytes_tick(y(tick), tick);
    for (double tick : ticks(0, end, 8, Scale::seconds)) out += time_tick(x(tick), tick);
    out += fmt::format("<polygon class=\"band\" points=\"{0:.1f},{1:.1f} {2:.1f},{3:.1f} {4:.1f},{3:.1f}\"/>\n", x(0), y(now), x(earliest),
                       y(limit), x(latest));
    out += fmt::format("<polyline class=\"fit\" points=\"{:.1f},{:.1f} {:.1f},{:.1f}\"/>\n", x(0), y(now), x(seconds), y(limit));
    out += fmt::format(
        "<line class=\"limit\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/><text x=\"{3}\" y=\"{4:.1f}\">limit {5}</text>\n",
        kLeft, kRightEdge, y(limit), kLeft + 6, y(limit) - 5, tick_text(limit, Scale::bytes));
    out += fmt::format(
        "<circle class=\"mark\" cx=\"{0:.1f}\" cy=\"{1:.1f}\" r=\"4\"/><text x=\"{2:.1f}\" y=\"{3:.1f}\">{4} at the end of the run</text>\n",
        x(0), y(now), x(0) + 8, y(now) > kFloor - 30 ? y(now) - 20 : y(now) + 20, tick_text(now, Scale::bytes));
    return out +
           fmt::format(
               "<line class=\"mark\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2}\"/><circle class=\"mark\" cx=\"{0:.1f}\" cy=\"{1:.1f}\" "
               "r=\"5\"/><text class=\"title\" x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n</svg>\n",
               x(seconds), y(limit), kFloor, x(seconds) + 6, y(limit) - 10, "reached in " + hours_interval_text(hours));
}

std::string memory_svg(const MemoryPlot& plot, const std::string& title) {
    std::string out = svg_begin(title);
    constexpr double right = kRightEdge, bottom = kFloor;
    if (plot.points.size() < 2) return out + fmt::format("<text x=\"{}\" y=\"{}\">no samples to draw</text>\n</svg>\n", kLeft, kHeight / 2);

    const double x_scale = (right - kLeft) / std::max(plot.end_s - plot.begin_s, 1e-300);
    const double y_scale = (kTop - bottom) / std::max(plot.high - plot.low, 1e-300);
    const double x0 = kLeft - plot.begin_s * x_scale, y0 = bottom - plot.low * y_scale;
    const auto x = [&](double seconds) { return std::clamp(x0 + seconds * x_scale, kLeft, right); };
    const auto y = [&](double bytes) { return std::clamp(y0 + bytes * y_scale, kTop, bottom); };
    const auto clamped = [&](Point point) { return Point{point.x, std::clamp(point.y, plot.low, plot.high)}; };

    for (std::size_t i = 0; i < plot.rounds.size(); i += 2)  // every other round is shaded
        out += fmt::format("<rect class=\"round\" x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\"/>\n", x(plot.rounds[i].begin_s),
                           kTop, std::max(0.0, x(plot.rounds[i].end_s) - x(plot.rounds[i].begin_s)), bottom - kTop);
    if (plot.warmup_end_s > plot.begin_s)
        out += fmt::format(
            "<rect class=\"warm\" x=\"{}\" y=\"{}\" width=\"{:.1f}\" "
            "height=\"{}\"><title>warm-up</title></rect>\n",
            kLeft, kTop, x(plot.warmup_end_s) - kLeft, bottom - kTop);
    for (double tick : ticks(plot.low, plot.high, 6, Scale::bytes)) out += bytes_tick(y(tick), tick);
    for (double tick : ticks(plot.begin_s, plot.end_s, 8, Scale::seconds)) out += time_tick(x(tick), tick);
    if (plot.cropped) out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", right, kTop - 16, kCroppedAxis);
    out += fmt::format("<polyline class=\"line\" points=\"{}\"/>\n", coordinates(plot.points, x0, x_scale, y0, y_scale));
    if (plot.fit) {
        const MemoryPlot::Fit& fit = *plot.fit;
        out += fmt::format("<polygon class=\"band\" points=\"{}\"/>\n<polyline class=\"fit\" points=\"{}\"/>\n",
                           coordinates({clamped(fit.low_from), clamped(fit.low_to), clamped(fit.high_to), clamped(fit.high_from)}, x0,
                                       x_scale, y0, y_scale),
                           coordinates({clamped(fit.from), clamped(fit.to)}, x0, x_scale, y0, y_scale));
    }
    if (plot.limit && plot.limit_shown)
        out += fmt::format(
            "<line class=\"limit\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/><text x=\"{1}\" "
            "y=\"{3:.1f}\" "
            "text-anchor=\"end\">limit {4}</text>\n",
            kLeft, right, y(*plot.limit), y(*plot.limit) - 4, tick_text(*plot.limit, Scale::bytes));
    else if (plot.limit)
        out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">limit {} is above the chart</text>\n", right, kTop + 12,
                           tick_text(*plot.limit, Scale::bytes));
    return out + "</svg>\n";
}

std::string sparkline_svg(const Series& series, Trend trend) {
    constexpr double kSparkWidth = 120, kSparkHeight = 28;
    const std::vector<Point> points = thin(series.seconds, series.value, 120);
    const char* color = trend == Trend::growing ? "#cf222e" : trend == Trend::inconclusive ? "#9a6700" : "#1a7f37";
    std::string out = fmt::format("<svg class=\"spark\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" aria-hidden=\"true\">",
                                  kSparkWidth, kSparkHeight);
    if (points.size() >= 2) {
        double low = points[0].y, high = points[0].y;
        for (const Point& point : points) {
            low = std::min(low, point.y);
            high = std::max(high, point.y);
        }
        const double x_scale = (kSparkWidth - 2) / std::max(points.back().x - points.front().x, 1e-300);
        // A flat series is in the middle; noise of a thousandth is not scaled to full height.
        const double range = std::max({high - low, std::abs(high) * 0.01, 1e-300}), middle = (high + low) / 2;
        const double y_scale = -(kSparkHeight - 4) / range;
        out += fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" points=\"{}\"/>", color,
                           coordinates(points, 1 - points.front().x * x_scale, x_scale, kSparkHeight / 2 - middle * y_scale, y_scale));
    }
    return out + "</svg>";
}

std::string render_svg(const Document& document, const RenderOptions&) {
    if (const auto* diagnosis = diagnosis_in(document)) {
        const MemoryPlot plot = memory_plot(diagnosis->series, diagnosis->trend, 2000, diagnosis->memory_limit, diagnosis->rounds);
        const Summary summary = summarize(*diagnosis);
        return memory_svg(plot, fmt::format("{} of {}: {}", diagnosis->metric,
                                            diagnosis->series.name.empty() ? "the target" : diagnosis->series.name, summary.verdict));
    }
    if (const auto* trend = std::get_if<TrendReport>(&document)) {
        if (trend->items.size() == 1) {
            const TrendReport::Item& item = trend->items.front();
            return memory_svg(
                memory_plot(item.series, item.verdict, 2000),
                fmt::format("{}: {}", item.series.name.empty() ? item.file : item.series.name, trend_name(item.verdict.verdict)));
        }
        // Several runs are placed below each other.
        std::string out = fmt::format(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
            "height=\"{1}\">\n",
            kWidth, kHeight * static_cast<double>(trend->items.size()));
        double y = 0;
        for (const TrendReport::Item& item : trend->items) {
            out += fmt::format("<g transform=\"translate(0 {})\">", y) +
                   memory_svg(
                       memory_plot(item.series, item.verdict, 1000),
                       fmt::format("{}: {}", item.series.name.empty() ? item.file : item.series.name, trend_name(item.verdict.verdict))) +
                   "</g>\n";
            y += kHeight;
        }
        return out + "</svg>\n";
    }
    require_form(format_named("svg"), form_of(document));
    return {};
}

}  // namespace leakline::report
