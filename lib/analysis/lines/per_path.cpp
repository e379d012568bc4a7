#include "analysis/lines/per_path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "analysis/statistics.hpp"

namespace leakline::analysis {

namespace {

// One column of counts a path, then the constant.
std::vector<std::vector<double>> design(std::size_t paths, const std::vector<MixBlock>& blocks) {
    std::vector<std::vector<double>> columns(paths + 1, std::vector<double>(blocks.size(), 1));
    for (std::size_t b = 0; b < blocks.size(); ++b) {
        for (std::size_t p = 0; p < paths; ++p) columns[p][b] = static_cast<double>(blocks[b].requests[p]);
    }
    return columns;
}

// The part of a column's sum of squares that the other columns do not explain: 0 for one that follows from them.
double own_part(const std::vector<std::vector<double>>& columns, std::size_t index) {
    std::vector<std::vector<double>> others = columns;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(index));
    double squares = 0;
    for (const double value : columns[index]) squares += value * value;
    return squares > 0 ? least_squares(others, columns[index]).residual_sum / squares : 0;
}

// Of a whole run to name any path wrongly. A true leak is counted byte by byte and stands far above it.
constexpr double kWrongRuns = 0.001;
// Less than this per request is the bookkeeping of a healthy service.
constexpr double kMinBytes = 1;

// The t of each path's growth; of paths that cannot be separated, 0.
std::vector<double> t_values(const std::vector<std::vector<double>>& columns, const std::vector<double>& growth, std::size_t paths) {
    const LeastSquares fit = least_squares(columns, growth);
    const double variance = fit.residual_sum / static_cast<double>(growth.size() - columns.size());
    std::vector<double> t;
    for (std::size_t p = 0; p < paths; ++p) {
        const double error = std::sqrt(variance * fit.unscaled_variances[p]);
        t.push_back(fit.coefficients[p] <= 0 ? 0 : error > 0 ? fit.coefficients[p] / error : std::numeric_limits<double>::infinity());
    }
    return t;
}

// The least t of each path when any one block is left out: a container that happened to grow in one block names no path.
std::vector<double> cautious_t_values(const std::vector<std::vector<double>>& columns, const std::vector<double>& growth,
                                      std::size_t paths) {
    std::vector<double> least = t_values(columns, growth, paths);
    if (growth.size() < columns.size() + 2) return least;
    for (std::size_t out = 0; out < growth.size(); ++out) {
        std::vector<std::vector<double>> fewer = columns;
        std::vector<double> rest = growth;
        for (std::vector<double>& column : fewer) column.erase(column.begin() + static_cast<std::ptrdiff_t>(out));
        rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(out));
        const std::vector<double> t = t_values(fewer, rest, paths);
        for (std::size_t p = 0; p < paths; ++p) least[p] = std::min(least[p], t[p]);
    }
    return least;
}

// Which paths leak, by the step-down procedure of Holm (1979), which keeps the chance that any is named wrongly below kWrongRuns.
std::vector<bool> named_by_holm(const std::vector<double>& t, double degrees) {
    std::vector<std::size_t> order(t.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return t[a] > t[b]; });
    std::vector<bool> named(t.size());
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
        const double needed = student_t_quantile(1 - kWrongRuns / static_cast<double>(t.size() - rank), degrees);
        if (!(t[order[rank]] > needed)) break;
        named[order[rank]] = true;
    }
    return named;
}

}  // namespace

PathGrowthReport growth_per_path(const std::vector<std::string>& paths, const std::vector<MixBlock>& blocks) {
    constexpr double kMinOwnPart = 1e-6;
    PathGrowthReport report;
    const std::size_t terms = paths.size() + 1, needed = terms + 2;
    if (paths.empty() || blocks.size() < needed) {
        report.reasons.push_back(fmt::format("{} blocks of traffic are too few to separate {} kinds of requests; at least {} are needed",
                                             blocks.size(), paths.size(), needed));
        return report;
    }
    const std::vector<std::vector<double>> columns = design(paths.size(), blocks);
    std::vector<double> growth;
    for (const MixBlock& block : blocks) growth.push_back(block.growth_bytes);
    const LeastSquares fit = least_squares(columns, growth);
    const double degrees = static_cast<double>(blocks.size() - terms);
    const double variance = fit.residual_sum / degrees;
    report.residual_bytes = std::sqrt(variance);

    const double t95 = student_t_quantile(.975, degrees);
    const auto interval = [&](std::size_t term) {
        const double error = std::sqrt(variance * fit.unscaled_variances[term]);
        return Interval{fit.coefficients[term], fit.coefficients[term] - t95 * error, fit.coefficients[term] + t95 * error};
    };
    const std::vector<bool> named = named_by_holm(cautious_t_values(columns, growth, paths.size()), std::max(1.0, degrees - 1));
    constexpr double kInfinite = std::numeric_limits<double>::infinity();
    for (std::size_t p = 0; p < paths.size(); ++p) {
        PathGrowth path{paths[p], interval(p), false, own_part(columns, p) > kMinOwnPart};
        if (path.separable) {
            path.leaks = named[p] && path.bytes_per_request.estimate >= kMinBytes;
        } else {
            path.bytes_per_request = {path.bytes_per_request.estimate, -kInfinite, kInfinite};
            report.reasons.push_back(
                fmt::format("the numbers of '{}' follow those of other requests; mix them at random from block to block", paths[p]));
        }
        report.paths.push_back(std::move(path));
    }
    report.bytes_per_block = interval(paths.size());
    std::stable_sort(report.paths.begin(), report.paths.end(),
                     [](const PathGrowth& a, const PathGrowth& b) { return a.bytes_per_request.estimate > b.bytes_per_request.estimate; });
    return report;
}

}  // namespace leakline::analysis
