#include "analysis/follows.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/statistics.hpp"

namespace leakline::analysis {

namespace {

constexpr std::size_t kMinIncrements = 6;
// Of the sum of squares of the seconds: what must be left when the requests have explained theirs.
constexpr double kMinOwnPart = 0.005;
// Shares of the whole growth, at the lower end of their intervals: a part that is worth a figure of its own, and one beside which
// the other may be noise.
constexpr double kMinor = 0.1, kMainShare = 0.6;

// Of the growth over time that a fit gives to the quiet times: what must have been there. Rounds whose requests come slower and cost more
// otherwise look like growth over time.
constexpr double kContinues = 0.25;
// Of all time: a shorter quiet time may miss what a slow timer does.
constexpr double kEnoughQuiet = 0.05;

bool continues_while_quiet(std::span<const Increment> increments, double bytes_per_second) {
    double all_seconds = 0, seconds = 0, bytes = 0;
    for (const Increment& increment : increments) {
        all_seconds += increment.seconds;
        if (increment.requests > 0) continue;
        seconds += increment.seconds;
        bytes += increment.bytes;
    }
    return seconds < kEnoughQuiet * all_seconds || bytes >= kContinues * bytes_per_second * seconds;
}

Interval scaled(const Interval& interval, double factor) {
    return {interval.estimate * factor, interval.low * factor, interval.high * factor};
}

// Memory at that time: the median of the last three samples, so that one sample between two page faults does not count.
double level_at(const Series& series, double seconds) {
    const auto end = std::upper_bound(series.seconds.begin(), series.seconds.end(), seconds) - series.seconds.begin();
    if (end == 0) return series.value.front();
    const auto begin = std::max<std::ptrdiff_t>(0, end - 3);
    return median({series.value.begin() + begin, series.value.begin() + end});
}

}  // namespace

GrowthSplit split_growth(std::span<const Increment> increments) {
    GrowthSplit split;
    if (increments.size() < kMinIncrements) return split;
    std::vector<double> requests, seconds, bytes;
    double all_requests = 0, all_seconds = 0, growth = 0;
    for (const Increment& increment : increments) {
        requests.push_back(increment.requests);
        seconds.push_back(increment.seconds);
        bytes.push_back(increment.bytes);
        all_requests += increment.requests;
        all_seconds += increment.seconds;
        growth += increment.bytes;
    }
    if (growth <= 0 || all_requests <= 0 || all_seconds <= 0) return split;
    // Where time and requests advance together, the fit cannot separate them, however good it is.
    double squares = 0;
    for (const double value : seconds) squares += value * value;
    if (least_squares({requests}, seconds).residual_sum < kMinOwnPart * squares) return split;
    const LeastSquares fit = least_squares({requests, seconds}, bytes);
    const double degrees = static_cast<double>(increments.size() - 2);
    const double variance = fit.residual_sum / degrees, t = student_t_quantile(.975, degrees);
    const auto coefficient = [&](std::size_t i) {
        const double half = t * std::sqrt(variance * fit.unscaled_variances[i]);
        return Interval{fit.coefficients[i], fit.coefficients[i] - half, fit.coefficients[i] + half};
    };
    const Interval per_request = coefficient(0), per_second = coefficient(1);
    const Interval by_time = scaled(per_second, all_seconds / growth), by_requests = scaled(per_request, all_requests / growth);
    if (by_time.low > kMinor && by_requests.low > kMinor)
        split.follows = continues_while_quiet(increments, per_second.estimate) ? Follows::both : Follows::requests;
    else if (by_requests.low > kMainShare)
        split.follows = Follows::requests;
    else if (by_time.low > kMainShare)
        split.follows = Follows::time;
    // What follows one axis alone is all of the growth: the small rest that the fit gives to the other is its noise.
    const auto alone = [&](const std::vector<double>& axis, double whole, double other) {
        const LeastSquares line = least_squares({axis}, bytes);
        const double error = std::sqrt(line.residual_sum / (degrees + 1) * line.unscaled_variances[0]);
        const double half = std::max(student_t_quantile(.975, degrees + 1) * error, std::abs(other) / whole);
        return Interval{growth / whole, growth / whole - half, growth / whole + half};
    };
    constexpr double kSecondsPerHour = 3600;
    if (split.follows == Follows::requests) split.bytes_per_request = alone(requests, all_requests, per_second.estimate * all_seconds);
    if (split.follows == Follows::time)
        split.bytes_per_hour_by_time = scaled(alone(seconds, all_seconds, per_request.estimate * all_requests), kSecondsPerHour);
    if (split.follows == Follows::both) {
        split.bytes_per_request = per_request;
        split.bytes_per_hour_by_time = scaled(per_second, kSecondsPerHour);
    }
    return split;
}

std::vector<Increment> increments_of(const Series& series, const std::vector<Round>& rounds, const std::optional<IdleTime>& idle,
                                     double warmup_s) {
    std::vector<Increment> increments;
    if (series.size() == 0) return increments;
    const auto add = [&](double from_s, double to_s, double requests) {
        if (to_s > from_s) increments.push_back({to_s - from_s, requests, level_at(series, to_s) - level_at(series, from_s)});
    };
    for (std::size_t i = 1; i < rounds.size(); ++i) {
        const Round& round = rounds[i];
        if (round.begin_s < warmup_s) continue;
        const double quiet = round.answered_s > 0 ? (round.answered_s + round.end_s) / 2 : round.end_s;
        add(round.begin_s, quiet, static_cast<double>(round.requests));
        add(quiet, round.end_s, 0);
    }
    if (idle) increments.push_back({idle->seconds, 0, idle->growth_bytes});
    return increments;
}

}  // namespace leakline::analysis
