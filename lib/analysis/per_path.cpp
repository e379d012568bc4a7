#include "analysis/per_path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

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

}  // namespace

PathGrowthReport growth_per_path(const std::vector<std::string>& paths, const std::vector<MixBlock>& blocks) {
    constexpr double kLeastOwnPart = 1e-6;
    PathGrowthReport report;
    const std::size_t terms = paths.size() + 1, needed = terms + 2;
    if (paths.empty() || blocks.size() < needed) {
        report.reasons.push_back(fmt::format("{} blocks of traffic cannot tell {} kinds of requests apart; {} or more can",
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
    const double t_all = student_t_quantile(1 - .05 / static_cast<double>(paths.size()), degrees);  // one-sided
    const auto interval = [&](std::size_t term) {
        const double error = std::sqrt(variance * fit.unscaled_variances[term]);
        return Interval{fit.coefficients[term], fit.coefficients[term] - t95 * error, fit.coefficients[term] + t95 * error};
    };
    constexpr double kInfinite = std::numeric_limits<double>::infinity();
    for (std::size_t p = 0; p < paths.size(); ++p) {
        PathGrowth path{paths[p], interval(p), false, own_part(columns, p) > kLeastOwnPart};
        if (path.separable) {
            const double error = std::sqrt(variance * fit.unscaled_variances[p]);
            path.leaks = path.bytes_per_request.estimate > t_all * error;
        } else {
            path.bytes_per_request = {path.bytes_per_request.estimate, -kInfinite, kInfinite};
            report.reasons.push_back(
                fmt::format("the numbers of '{}' follow those of other requests; mix them at random from block to block",
                            paths[p]));
        }
        report.paths.push_back(std::move(path));
    }
    report.bytes_per_block = interval(paths.size());
    std::stable_sort(report.paths.begin(), report.paths.end(), [](const PathGrowth& a, const PathGrowth& b) {
        return a.bytes_per_request.estimate > b.bytes_per_request.estimate;
    });
    return report;
}

}  // namespace leakline::analysis
