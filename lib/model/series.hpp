// A quantity over time, and the conclusions about it. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace leakline {

// Columns of equal length: seconds[i] belongs to value[i]. Column-wise because the trend front end streams over
// millions of values. seconds is strictly increasing.
struct Series {
    std::string name;                   // of the file, process or metric: its name in reports
    std::vector<double> seconds;        // since the series' start (or any origin)
    std::vector<double> value;          // bytes
    std::vector<double> requests;       // cumulative requests completed; empty if unknown
    std::vector<std::int64_t> process;  // identity of the process (pid, start time): a change is a restart; may be empty

    std::size_t size() const { return seconds.size(); }
    double duration() const { return seconds.empty() ? 0 : seconds.back() - seconds.front(); }
};

// Standard errors to either side of the mean within which 95 % of a normal distribution lie.
inline constexpr double kNormal95 = 1.96;

// An estimate with the bounds of its 95 % interval; low or high may be infinite.
struct Interval {
    double estimate = 0, low = 0, high = 0;
};

enum class Trend { growing, stable, shrinking, inconclusive };
std::string_view trend_name(Trend trend);                                                                  // "growing", ...
constexpr bool does_not_grow(Trend trend) { return trend == Trend::stable || trend == Trend::shrinking; }  // and it is sure

struct TrendVerdict {
    Trend verdict = Trend::inconclusive;
    std::string growth_class;  // the shape that fits best, in words: "linear", "fill-then-flat", "step", "sawtooth", ...
    double p_leak = 0;         // 0..1: probability, given the data, that the growth does not end
    Interval slope_bytes_per_hour;
    std::optional<Interval> bytes_per_request;        // where requests are known
    std::optional<double> detectable_bytes_per_hour;  // the smallest slope that this run could have detected
    std::optional<double> detectable_bytes_per_request;
    double warmup_end_s = 0;                  // from the series' start; 0 = no warm-up seen
    std::optional<double> plateau_bytes;      // if stable: its final level
    std::optional<double> level_bytes;        // fitted level at the end
    std::optional<Interval> time_to_limit_h;  // if a limit is known and the verdict is growing
    std::vector<std::string> reasons;         // never empty; the first is the decisive one
};

}  // namespace leakline
