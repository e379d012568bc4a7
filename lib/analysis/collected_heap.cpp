#include "analysis/collected_heap.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/lines/internal/growth.hpp"
#include "analysis/resources.hpp"
#include "analysis/statistics.hpp"

namespace leakline::analysis {

namespace {

constexpr std::size_t kMinMarks = 5;
constexpr double kLevel = 0.01;
// What a service that still warms up may gain: lazily loaded classes, log buffers.
constexpr double kLeastGrowth = 64 * 1024;

struct Fit {
    double slope = 0, error = 0, degrees = 1;
};

Fit fit_line(std::span<const double> x, std::span<const double> y) {
    const std::vector<double> ones(x.size(), 1), column(x.begin(), x.end());
    const LeastSquares fit = least_squares({column, ones}, y);
    Fit line;
    line.degrees = static_cast<double>(x.size() - 2);
    line.slope = fit.coefficients[0];
    line.error = std::sqrt(fit.residual_sum / line.degrees * fit.unscaled_variances[0]);
    return line;
}

// The smallest slope whose estimate is above chance in 9 of 10 runs.
double detectable(const Fit& line, double requests) {
    const double noise = (student_t_quantile(.95, line.degrees) + student_t_quantile(.9, line.degrees)) * line.error;
    return std::max(noise, kLeastGrowth / requests);
}

struct Judgment {
    Trend verdict = Trend::inconclusive;
    std::optional<Interval> per_request;
    std::optional<double> detectable;
};

Judgment judge(std::span<const double> x, std::span<const double> bytes) {
    Judgment judgment;
    if (bytes.size() < kMinMarks || x.size() != bytes.size()) return judgment;
    if (std::adjacent_find(x.begin(), x.end(), [](double a, double b) { return b <= a; }) != x.end()) return judgment;
    judgment.per_request = growth_rate(x, bytes);
    if (judge_count(x, bytes, kLevel).grows) {
        judgment.verdict = bytes.back() - bytes.front() >= kLeastGrowth ? Trend::growing : Trend::inconclusive;
        judgment.detectable = kLeastGrowth / (x.back() - x.front());
        return judgment;
    }
    // What filled up at first and then stayed is judged by the marks since then: the second half of them, and at least four.
    const std::size_t tail = std::min(bytes.size() / 2, bytes.size() - 4);
    const Fit whole = fit_line(x, bytes), late = fit_line(x.subspan(tail), bytes.subspan(tail));
    const double by_whole = detectable(whole, x.back() - x.front()), by_late = detectable(late, x.back() - x[tail]);
    const bool filled = by_late < by_whole;
    judgment.detectable = filled ? by_late : by_whole;
    const Fit& line = filled ? late : whole;
    const double half = student_t_quantile(.975, line.degrees) * line.error;
    judgment.per_request = Interval{line.slope, line.slope - half, line.slope + half};
    if (line.slope < *judgment.detectable) judgment.verdict = Trend::stable;
    return judgment;
}

}  // namespace

void judge_collected_heap(CollectedHeap& heap) {
    const Judgment objects = judge(heap.mark_requests, heap.live_bytes), memory = judge(heap.mark_requests, heap.memory_bytes);
    heap.growth_bytes = heap.live_bytes.empty() ? 0 : heap.live_bytes.back() - heap.live_bytes.front();
    heap.verdict = objects.verdict;
    heap.bytes_per_request = objects.per_request;
    heap.detectable_bytes_per_request = objects.detectable;
    heap.memory_verdict = memory.verdict;
    heap.memory_bytes_per_request = memory.per_request;
    heap.memory_detectable_bytes_per_request = memory.detectable;
}

}  // namespace leakline::analysis
