#include "report/internal/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/quantities.hpp"

namespace leakline::report {

namespace {

constexpr double kMinSpan = 0.02;  // of an axis, as a share of the level; report.js has the same constant
// An axis begins at zero if the curve then still has this share of the height; else it is cropped, and the chart says so. The same.
constexpr double kLeastHeight = 0.25;
// The limit is drawn if memory reaches at least this share of it; otherwise it would flatten the curve.
constexpr double kNearLimit = 0.25;

// The value at x of a line with this slope (per second) through the curve from there on: the median, so that
// as much of the curve is above as below. With the level that was fitted for the end, the line would touch the curve
// only there and deviate elsewhere, where requests came faster or slower.
double level_through(const std::vector<Point>& points, double x, double slope) {
    std::vector<double> levels;
    for (const Point& point : points)
        if (point.x >= x) levels.push_back(point.y - slope * (point.x - x));
    if (levels.empty()) return points.back().y - slope * (points.back().x - x);
    const auto middle = levels.begin() + static_cast<std::ptrdiff_t>(levels.size() / 2);
    std::nth_element(levels.begin(), middle, levels.end());
    return *middle;
}

// The smallest of 1, 2, 5 times a power of ten that is >= step.
double round_up(double step) {
    const double power = std::pow(10, std::floor(std::log10(step)));
    for (double factor : {1.0, 2.0, 5.0})
        if (factor * power >= step * (1 - 1e-9)) return factor * power;
    return 10 * power;
}

// The smallest of the steps that people read times in.
double time_step(double rough) {
    static constexpr double kSteps[] = {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400};
    constexpr double kDay = 86400;
    if (rough < 1) return round_up(rough);
    for (const double step : kSteps)
        if (step >= rough * (1 - 1e-9)) return step;
    return kDay * round_up(rough / kDay);
}

// Powers of two are round in every binary unit: 64 MiB, 128 MiB, 192 MiB.
double byte_step(double rough) { return std::max(std::exp2(std::ceil(std::log2(rough) - 1e-9)), 1.0); }

}  // namespace

std::vector<Point> thin(const std::vector<double>& xs, const std::vector<double>& ys, std::size_t count) {
    std::vector<Point> all;
    const std::size_t given = std::min(xs.size(), ys.size());
    all.reserve(given);
    for (std::size_t i = 0; i < given; ++i)
        if (std::isfinite(xs[i]) && std::isfinite(ys[i])) all.push_back({xs[i], ys[i]});
    const std::size_t n = all.size();
    count = std::max<std::size_t>(count, 3);
    if (n <= count) return all;

    // All but the first and last point go into count - 2 buckets; each keeps the point that spans the
    // largest triangle with the previously kept point and the mean of the next bucket.
    std::vector<Point> kept = {all.front()};
    const double width = static_cast<double>(n - 2) / static_cast<double>(count - 2);
    const auto begin_of = [&](std::size_t bucket) {
        return std::min(n - 1, 1 + static_cast<std::size_t>(std::floor(static_cast<double>(bucket) * width)));
    };
    for (std::size_t bucket = 0; bucket + 2 < count; ++bucket) {
        const std::size_t begin = begin_of(bucket), end = begin_of(bucket + 1);
        const std::size_t next_end = bucket + 3 == count ? n : begin_of(bucket + 2);
        Point mean;
        for (std::size_t i = end; i < next_end; ++i) {
            mean.x += all[i].x;
            mean.y += all[i].y;
        }
        mean.x /= static_cast<double>(next_end - end);
        mean.y /= static_cast<double>(next_end - end);
        const Point& before = kept.back();
        double largest = -1;
        std::size_t best = begin;
        for (std::size_t i = begin; i < end; ++i) {
            const double area = std::abs((before.x - mean.x) * (all[i].y - before.y) - (before.x - all[i].x) * (mean.y - before.y));
            if (area > largest) {
                largest = area;
                best = i;
            }
        }
        kept.push_back(all[best]);
    }
    kept.push_back(all.back());
    return kept;
}

std::vector<double> ticks(double low, double high, int count, Scale scale) {
    std::vector<double> out;
    if (!(high > low) || !std::isfinite(low) || !std::isfinite(high) || count < 1) return {low};
    const double rough = (high - low) / count;
    const double step = scale == Scale::bytes ? byte_step(rough) : time_step(rough);
    for (double value = std::ceil(low / step) * step; value <= high + step * 1e-9 && out.size() < 100; value += step)
        out.push_back(value == 0 ? 0 : value);
    return out;
}

std::string tick_text(double value, Scale scale) {
    if (scale == Scale::bytes) return format_bytes(value);
    if (value < 60) return fmt::format("{:.3g} s", value);
    if (value < 3600) return fmt::format("{:.3g} min", value / 60);
    if (value < 86400 * 3) return fmt::format("{:.3g} h", value / 3600);
    return fmt::format("{:.3g} d", value / 86400);
}

MemoryPlot memory_plot(const Series& series, const TrendVerdict& trend, std::size_t count, std::optional<Bytes> limit,
                       std::vector<Round> rounds) {
    MemoryPlot plot;
    plot.points = thin(series.seconds, series.value, count);
    plot.rounds = std::move(rounds);
    plot.warmup_end_s = trend.warmup_end_s;
    if (limit) plot.limit = static_cast<double>(*limit);
    if (plot.points.empty()) return plot;

    plot.begin_s = plot.points.front().x;
    plot.end_s = plot.points.back().x;
    // The first sample is some microseconds after the start: "0.000402 s" is useless on an axis of hours.
    if (plot.begin_s > 0 && plot.begin_s < plot.end_s * 1e-3) plot.begin_s = 0;
    plot.low = plot.high = plot.points.front().y;
    for (const Point& point : plot.points) {
        plot.low = std::min(plot.low, point.y);
        plot.high = std::max(plot.high, point.y);
    }
    plot.limit_shown = plot.limit && plot.high >= *plot.limit * kNearLimit;
    double from = std::clamp(plot.begin_s + trend.warmup_end_s, plot.begin_s, plot.end_s);
    plot.warmup_end_s = from;
    const Interval& slope = trend.slope_bytes_per_hour;
    if (plot.points.size() >= 3 && from < plot.end_s && std::isfinite(slope.estimate)) {
        // The band pivots about the middle of the fitted range, where a fitted line is most certain.
        const double middle = from + (plot.end_s - from) / 2;
        const double level = level_through(plot.points, middle, slope.estimate / 3600);
        // The final slope of growth that accelerates leads back to below zero, where memory never is: the line begins at zero.
        const double zero = middle - level / (slope.estimate / 3600);
        if (plot.low >= 0 && level > 0 && slope.estimate > 0 && zero > from) from = zero;
        const auto at = [&](double per_hour, double x) {
            const double used = std::isfinite(per_hour) ? per_hour : slope.estimate;
            return Point{x, level + used / 3600 * (x - middle)};
        };
        plot.fit = MemoryPlot::Fit{at(slope.estimate, from),  at(slope.estimate, plot.end_s), at(slope.low, from),
                                   at(slope.low, plot.end_s), at(slope.high, from),           at(slope.high, plot.end_s)};
        for (const Point& point : {plot.fit->from, plot.fit->to}) {
            plot.low = std::min(plot.low, point.y);
            plot.high = std::max(plot.high, point.y);
        }
    }
    if (plot.limit_shown) {
        plot.high = std::max(plot.high, *plot.limit);
        plot.low = std::min(plot.low, *plot.limit);
    }
    // A gain of a few pages must not look steep: the axis spans at least kMinSpan of the level, with the curve in its
    // middle.
    if (const double missing = std::abs(plot.high) * kMinSpan - (plot.high - plot.low); missing > 0) {
        plot.low -= plot.low >= 0 ? std::min(plot.low, missing / 2) : missing / 2;
        plot.high += missing / 2;
    }
    double margin = (plot.high - plot.low) * 0.06;
    if (margin <= 0) margin = std::max(std::abs(plot.high) * 0.01, 1.0);
    if (plot.low >= 0) {
        plot.cropped = plot.high - plot.low < plot.high * kLeastHeight;
        plot.low = plot.cropped ? std::max(0.0, plot.low - margin) : 0;
    } else {
        plot.low -= margin;
    }
    plot.high += margin;
    return plot;
}

namespace {

// What one character can show, and the character with these dots: dot (x, y) is bit bits[y][x].
struct DotFont {
    int across, down;
    unsigned char bits[4][2];
    std::string (*character)(unsigned char dots);
};

// Dot numbers of a braille cell, by row and column (Unicode 15, chapter 21.1): 1 2 3 7 on the left, 4 5 6 8.
constexpr DotFont kBraille = {2, 4, {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}, [](unsigned char dots) {
                                  return std::string{'\xe2', static_cast<char>(0xa0 | dots >> 6), static_cast<char>(0x80 | (dots & 0x3f))};
                              }};
constexpr DotFont kAscii = {1, 2, {{1, 0}, {2, 0}, {0, 0}, {0, 0}}, [](unsigned char dots) { return std::string(1, " '.:"[dots & 3]); }};

}  // namespace

std::vector<std::string> dots(const std::vector<Point>& points, double low, double high, int columns, int rows, Characters characters) {
    const DotFont& font = characters == Characters::unicode ? kBraille : kAscii;
    const int width = columns * font.across, height = rows * font.down;
    std::vector<unsigned char> cells(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows), 0);
    const auto set = [&](int x, int y) {
        if (x < 0 || x >= width || y < 0 || y >= height) return;
        cells[static_cast<std::size_t>(y / font.down * columns + x / font.across)] |= font.bits[y % font.down][x % font.across];
    };
    if (!points.empty()) {
        const double begin = points.front().x, span = std::max(points.back().x - begin, 1e-300);
        const double range = std::max(high - low, 1e-300);
        const auto column = [&](double x) { return static_cast<int>(std::lround(std::clamp((x - begin) / span, 0.0, 1.0) * (width - 1))); };
        const auto row = [&](double y) {
            return static_cast<int>(std::lround((1 - std::clamp((y - low) / range, 0.0, 1.0)) * (height - 1)));
        };
        int x0 = column(points.front().x), y0 = row(points.front().y);
        set(x0, y0);
        for (const Point& point : points) {
            const int x1 = column(point.x), y1 = row(point.y);
            const int steps = std::max(std::abs(x1 - x0), std::abs(y1 - y0));
            for (int i = 1; i <= steps; ++i)
                set(x0 + static_cast<int>(std::lround(double(x1 - x0) * i / steps)),
                    y0 + static_cast<int>(std::lround(double(y1 - y0) * i / steps)));
            x0 = x1;
            y0 = y1;
        }
    }
    std::vector<std::string> out;
    for (int r = 0; r < rows; ++r) {
        std::string line;
        for (int c = 0; c < columns; ++c) line += font.character(cells[static_cast<std::size_t>(r * columns + c)]);
        out.push_back(line);
    }
    return out;
}

}  // namespace leakline::report
