// Fits every curve to at most kMaxPoints points whose noise is correlated, and weighs the curves against each other.
//
// Bayesian model averaging with BIC weights (Raftery 1995) under AR(1) errors, which are whitened by the transform of
// Prais and Winsten (1954), with the correlation raised to the gap between points. Values are MiB throughout, slopes
// MiB over the whole run. Pure functions, safe from any thread.
#pragma once

#include <span>
#include <vector>

#include "analysis/trend/internal/shapes.hpp"

namespace leakline::analysis::trend {

inline constexpr std::size_t kMaxPoints = 64;

// One curve with its fitted coefficients. Its end slope is Student-t: this is what carries autocorrelation into the
// verdict.
struct FittedCurve {
    Curve curve;
    double weight = 0;     // posterior probability; those of a Mixture sum to 1
    Terms coefficients{};  // of the centered values: add Mixture::center to the constant
    double end_slope = 0;  // MiB over the run
    double end_slope_error = 0;
    double degrees = 1;  // of freedom
};

struct Mixture {
    std::vector<FittedCurve> curves;  // only those of weight above 1e-5 of the best
    Curve best;                       // by BIC alone
    Terms best_coefficients{};
    double best_bic = 0;
    double center = 0;           // mean of the values: subtracted before fitting
    double correlation = 0;      // of neighboring points' errors
    double line_error = 0;       // standard error of the straight line's slope
    double line_margin = 0;      // line_error times Student's 95 % quantile
    std::vector<double> fitted;  // the mixture's mean at each point, MiB
    // 2 ln(evidence) by which the best curve that stays bounded (fill-then-flat, exponential, step, flat) falls behind
    // the best of all: 0 where it is the best.
    double fill_flat_deficit = 0;
    double linear_deficit = 0;  // the same of the straight line
};

// x ascending, as long as values; 3..kMaxPoints of them. smallest_noise (MiB) is the standard deviation that noise has
// at least, whatever the residuals say (quantized values would otherwise look exact).
Mixture fit_curves(std::span<const double> x, std::span<const double> values, double smallest_noise);

// Quantile q of a mixture of Student-t end slopes. NaN for no curves.
struct SlopeComponent {
    double weight = 0, slope = 0, error = 0, degrees = 1;
};
double slope_quantile(std::span<const SlopeComponent> components, double q);

// A straight line under the same error model.
struct LineFit {
    double slope = 0, slope_error = 0, degrees = 1;
};
// 5 or more points.
LineFit fit_line(std::span<const double> x, std::span<const double> values);

}  // namespace leakline::analysis::trend
