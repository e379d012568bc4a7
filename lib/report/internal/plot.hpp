// Shared by all charts of memory over time: thinning, scales, the fitted line. Pure, safe from any
// thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "model/diagnosis.hpp"
#include "report/report.hpp"

namespace leakline::report {

struct Point {
    double x = 0, y = 0;
};

// At most count points (at least 3) that look like all of them: Largest-Triangle-Three-Buckets (Steinarsson,
// 2013). The first and the last are kept. xs and ys have equal lengths; points that are not finite are skipped.
// O(n).
std::vector<Point> thin(const std::vector<double>& xs, const std::vector<double>& ys, std::size_t count);

// Round values within [low, high], at most about count of them. Bytes: multiples of a power of two; seconds: of
// 15 min, 2 h and others that people read times in.
enum class Scale { bytes, seconds };
std::vector<double> ticks(double low, double high, int count, Scale scale);
std::string tick_text(double value, Scale scale);

// Memory over time with the conclusions about it.
struct MemoryPlot {
    std::vector<Point> points;  // seconds, bytes; thinned
    double begin_s = 0, end_s = 0;
    double low = 0, high = 0;  // bytes: the range to draw, including the limit if it is near
    bool cropped = false;      // it does not begin at zero, which would flatten the curve
    double warmup_end_s = 0;
    // The fitted slope after warm-up with its 95 % band, as the y of three lines at warmup_end_s and at
    // end_s; nothing if nothing was fitted.
    struct Fit {
        Point from, to, low_from, low_to, high_from, high_to;
    };
    std::optional<Fit> fit;
    std::optional<double> limit;  // bytes
    bool limit_shown = false;     // the limit lies within [low, high]
    std::vector<Round> rounds;
};
MemoryPlot memory_plot(const Series& series, const TrendVerdict& trend, std::size_t points, std::optional<Bytes> limit = {},
                       std::vector<Round> rounds = {});

// points as rows of braille characters (2 x 4 dots each, U+2800 to U+28FF) or of ' . and : (1 x 2 dots each), joined by lines. columns,
// rows >= 1.
std::vector<std::string> dots(const std::vector<Point>& points, double low, double high, int columns, int rows, Characters characters);

}  // namespace leakline::report
