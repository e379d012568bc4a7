// Order statistics, Student's t, robust slope and least squares. Pure functions, safe from any thread.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace leakline::analysis {

double mean(std::span<const double> values);  // 0 without values
// Linear interpolation between order statistics at q * (n - 1): type 7 of Hyndman and Fan (1996), the default of R
// and numpy. 0 for no values. q in [0, 1].
double quantile(std::vector<double> values, double q);
double median(std::vector<double> values);

// The logarithm of the gamma function at x > 0. Safe from any thread, unlike std::lgamma.
double log_gamma(double x);
// P(T > t) of Student's t with degrees > 0, by the incomplete beta function (Abramowitz and Stegun 26.7.1; the
// continued fraction of Lentz). Relative error below 1e-9 for degrees in [1, 1e4].
double student_t_upper_tail(double t, double degrees);
// The t with P(T <= t) = p, 0 < p < 1, to within 1e-7; clamped to +-1000.
double student_t_quantile(double p, double degrees);

// Median of the slopes between all pairs with different x (Theil 1950, Sen 1968). Beyond 120 points every k-th is
// taken, so that the cost stays below 7,200 pairs. x ascending, of y's length. 0 where no pair has different x.
double theil_sen_slope(std::span<const double> x, std::span<const double> y);

// Ordinary least squares by Householder reflections.
struct LeastSquares {
    std::vector<double> coefficients;
    std::vector<double> unscaled_variances;  // diagonal of (X'X)^-1: times the residual variance = squared error
    double residual_sum = 0;                 // of squares
    std::vector<double> residuals;
};
// columns: each as long as y, and no more of them than y has values. Columns are scaled to length 1 and a ridge of
// 1e-12 is added, so that columns that depend on each other get a large variance instead of failing.
LeastSquares least_squares(const std::vector<std::vector<double>>& columns, std::span<const double> y);

}  // namespace leakline::analysis
