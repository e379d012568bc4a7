#include "analysis/trend/internal/fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "analysis/statistics.hpp"
#include "analysis/trend/internal/thresholds.hpp"

namespace leakline::analysis::trend {

namespace {

using Rows = std::array<Terms, kMaxPoints>;
using Values = std::array<double, kMaxPoints>;
using TermMatrix = std::array<Terms, kMaxTerms>;

// Prais-Winsten: subtract what the point before predicts, and scale so that every error has the same variance.
class Whitening {
  public:
    Whitening(std::span<const double> x, double correlation) : correlation_(correlation) {
        // Gaps in units of the usual one; limits keep a single hole or a pair of near points from ruling.
        constexpr double kMinGap = .2, kMaxGap = 20, kMinVariance = 1e-6;
        std::vector<double> gaps;
        for (std::size_t i = 1; i < x.size(); ++i) gaps.push_back(x[i] - x[i - 1]);
        // Points may share a place: between rounds of traffic no request arrives.
        std::erase(gaps, 0.);
        const double usual = gaps.empty() ? 1 : median(gaps);
        first_scale_ = std::sqrt(1 - correlation * correlation);
        for (std::size_t i = 0; i + 1 < x.size(); ++i) {
            const double gap = std::clamp((x[i + 1] - x[i]) / usual, kMinGap, kMaxGap);
            carry_[i] = std::pow(correlation, gap);
            scale_[i] = first_scale_ / std::sqrt(std::max(1 - carry_[i] * carry_[i], kMinVariance));
        }
    }

    void apply(std::span<const double> in, Values& out) const {
        if (correlation_ == 0) {
            std::copy(in.begin(), in.end(), out.begin());
            return;
        }
        out[0] = in[0] * first_scale_;
        for (std::size_t k = 1; k < in.size(); ++k) out[k] = (in[k] - carry_[k - 1] * in[k - 1]) * scale_[k - 1];
    }

    void apply(std::size_t count, int terms, const Rows& in, Rows& out) const {
        if (correlation_ == 0) {
            std::copy_n(in.begin(), count, out.begin());
            return;
        }
        for (int c = 0; c < terms; ++c) out[0][c] = in[0][c] * first_scale_;
        for (std::size_t k = 1; k < count; ++k) {
            for (int c = 0; c < terms; ++c) out[k][c] = (in[k][c] - carry_[k - 1] * in[k - 1][c]) * scale_[k - 1];
        }
    }

  private:
    double correlation_, first_scale_;
    Values carry_{}, scale_{};
};

struct Fit {
    Terms coefficients{};
    TermMatrix covariance{};  // without the error variance
    double residual_sum = 0;  // of squares
};

// Least squares with up to four terms, by Cholesky on the scaled normal equations: some 1,500 of these make a
// verdict, hence not analysis::least_squares. A ridge of 1e-9 keeps collinear terms solvable.
Fit fit_terms(const Rows& rows, const Values& values, std::size_t count, int terms) {
    TermMatrix normal{};
    Terms right{}, scale{};
    for (std::size_t k = 0; k < count; ++k) {
        for (int i = 0; i < terms; ++i) {
            right[i] += rows[k][i] * values[k];
            for (int j = 0; j <= i; ++j) normal[i][j] += rows[k][i] * rows[k][j];
        }
    }
    for (int i = 0; i < terms; ++i) scale[i] = std::sqrt(normal[i][i]) + 1e-12;

    TermMatrix lower{}, inverse{};
    for (int i = 0; i < terms; ++i) {
        for (int j = 0; j <= i; ++j) {
            double sum = normal[i][j] / scale[i] / scale[j] + (i == j ? 1e-9 : 0);
            for (int k = 0; k < j; ++k) sum -= lower[i][k] * lower[j][k];
            lower[i][j] = i == j ? std::sqrt(std::max(sum, 1e-12)) : sum / lower[j][j];
        }
    }
    for (int c = 0; c < terms; ++c) {
        Terms forward{};
        for (int i = 0; i < terms; ++i) {
            double sum = i == c ? 1 : 0;
            for (int k = 0; k < i; ++k) sum -= lower[i][k] * forward[k];
            forward[i] = sum / lower[i][i];
        }
        for (int i = terms - 1; i >= 0; --i) {
            double sum = forward[i];
            for (int k = i + 1; k < terms; ++k) sum -= lower[k][i] * inverse[k][c];
            inverse[i][c] = sum / lower[i][i];
        }
    }

    Fit fit;
    for (int i = 0; i < terms; ++i) {
        for (int j = 0; j < terms; ++j) {
            fit.coefficients[i] += inverse[i][j] * right[j] / scale[j];
            fit.covariance[i][j] = inverse[i][j] / scale[i] / scale[j];
        }
        fit.coefficients[i] /= scale[i];
    }
    for (std::size_t k = 0; k < count; ++k) {
        double residual = values[k];
        for (int i = 0; i < terms; ++i) residual -= rows[k][i] * fit.coefficients[i];
        fit.residual_sum += residual * residual;
    }
    return fit;
}

double evaluate(const Terms& terms, const Terms& coefficients) {
    double sum = 0;
    for (int i = 0; i < kMaxTerms; ++i) sum += terms[i] * coefficients[i];
    return sum;
}

struct LagOne {
    double correlation = 0, mean_square = 0;
};
LagOne lag_one(std::span<const double> residuals) {
    double own = 0, lagged = 0;
    for (std::size_t k = 0; k < residuals.size(); ++k) {
        own += residuals[k] * residuals[k];
        if (k > 0) lagged += residuals[k] * residuals[k - 1];
    }
    return {own > 0 ? lagged / own : 0, own / static_cast<double>(residuals.size())};
}

// Sample autocorrelation of residuals is too low by about (1 + (p + 1)...)/K for p fitted parameters (Marriott and
// Pope 1954; Kendall 1954); the correction errs on the cautious side.
double unbiased_correlation(double raw, int parameters, std::size_t count) {
    const double positive = std::max(raw, 0.);
    return raw + (1 + parameters * positive + .5 * parameters) / static_cast<double>(count);
}

// Shapes whose fit changes smoothly with the knee, so that it can be refined between the places of the grid.
bool has_smooth_knee(Shape shape) {
    switch (shape) {
        case Shape::exponential:
        case Shape::fill_flat:
        case Shape::late:
        case Shape::exponential_linear:
        case Shape::logarithmic:
        case Shape::two_slope: return true;
        default: return false;
    }
}

// Prior odds against curves other than flat and linear, and against those whose bend at the very end nothing confirms.
double prior_weight(const Curve& curve) {
    using namespace thresholds::prior;
    using thresholds::bounded_shapes::kLateFill, thresholds::bounded_shapes::kLateStep;
    double weight = 1;
    if (curve.shape != Shape::constant && curve.shape != Shape::linear) weight *= kCurved;
    const bool late_knee = (fills(curve.shape) && curve.knee > kLateFill) ||
                           ((curve.shape == Shape::step || curve.shape == Shape::two_steps) && curve.knee > kLateStep);
    return late_knee ? weight * kLateBend : weight;
}

// One round of fitting all curves under one correlation.
class CurveFitter {
  public:
    CurveFitter(std::span<const double> x, std::span<const double> centered, double smallest_noise)
        : x_(x),
          centered_(centered),
          smallest_noise_(smallest_noise),
          grid_(curves_for(x)),
          curves_(grid_),
          fits_(curves_.size()),
          bic_(curves_.size(), std::numeric_limits<double>::infinity()) {}

    void run() {
        constexpr int kPasses = 3;  // the first without correlation, each next one with that of the residuals before
        for (int pass = 0; pass < kPasses; ++pass) {
            if (pass > 0) correlation_ = residual_correlation();
            fit_all();
        }
    }

    Mixture mixture() const {
        Mixture result;
        result.best = curves_[best_];
        result.best_coefficients = fits_[best_].coefficients;
        result.best_bic = bic_[best_];
        result.correlation = correlation_;
        const double line_degrees = std::max<double>(count() - 2, 1);
        const Fit& line = fits_[kLineIndex];
        result.line_error = std::sqrt(line.covariance[1][1] * error_variance(line, line_degrees));
        result.line_margin = result.line_error * student_t_quantile(.95, line_degrees);
        result.fill_flat_deficit = std::numeric_limits<double>::infinity();
        result.linear_deficit = bic_[kLineIndex] - bic_[best_];

        constexpr double kNegligible = 1e-5;
        double total = 0;
        for (std::size_t i = 0; i < curves_.size(); ++i) {
            if (std::isinf(bic_[i])) continue;
            if (fills(curves_[i].shape) || curves_[i].shape == Shape::exponential) {
                result.fill_flat_deficit = std::min(result.fill_flat_deficit, bic_[i] - bic_[best_]);
            }
            const double weight = std::exp(-.5 * (bic_[i] - bic_[best_])) * prior_weight(curves_[i]);
            if (weight <= kNegligible) continue;
            result.curves.push_back(fitted(i, weight));
            total += weight;
        }
        for (FittedCurve& curve : result.curves) curve.weight /= total;
        return result;
    }

  private:
    double count() const { return static_cast<double>(x_.size()); }
    double noise_floor() const { return smallest_noise_ * smallest_noise_ * (1 - correlation_ * correlation_); }
    double error_variance(const Fit& fit, double degrees) const { return (fit.residual_sum + count() * noise_floor() * .5) / degrees; }

    void fit_all() {
        const std::size_t points = x_.size();
        const Whitening whitening(x_, correlation_);
        Values whitened{};
        whitening.apply(centered_, whitened);
        Rows rows{}, whitened_rows{};
        const auto fit = [&](const Curve& curve) {
            for (std::size_t k = 0; k < points; ++k) rows[k] = terms_at(curve, x_[k]);
            whitening.apply(points, curve.terms, rows, whitened_rows);
            return fit_terms(whitened_rows, whitened, points, curve.terms);
        };
        curves_ = grid_;
        for (std::size_t i = 0; i < curves_.size(); ++i) {
            if (static_cast<int>(points) - curves_[i].terms < 2) continue;
            fits_[i] = fit(curves_[i]);
            bic_[i] = bic_of(curves_[i], fits_[i]);
        }
        for (std::size_t begin = 0, end = 0; begin < grid_.size(); begin = end) {
            while (end < grid_.size() && grid_[end].shape == grid_[begin].shape) ++end;
            if (has_smooth_knee(grid_[begin].shape) && !std::isinf(bic_[begin])) refine_knee(begin, end, fit);
        }
        best_ = static_cast<std::size_t>(std::min_element(bic_.begin(), bic_.end()) - bic_.begin());
    }

    double bic_of(const Curve& curve, const Fit& fit) const {
        return count() * std::log(fit.residual_sum / count() + noise_floor()) + (curve.parameters + 1) * std::log(count()) +
               2 * std::log(double(curve.grid_size));
    }

    // Moves the best knee of one shape, grid_[begin, end), between its neighbors to where the fit is best (golden
    // section). Where noise is small beside the curve the grid alone is too coarse, and a warm-up that falls between two
    // of its places would look like a warm-up with a leak.
    template <class FitCurve>
    void refine_knee(std::size_t begin, std::size_t end, const FitCurve& fit) {
        constexpr int kSteps = 12;  // the bracket shrinks to 1 % of what lies between two places
        constexpr double kGolden = .6180339887498949;
        const auto from = bic_.begin() + static_cast<std::ptrdiff_t>(begin);
        const auto best = static_cast<std::size_t>(std::min_element(from, bic_.begin() + static_cast<std::ptrdiff_t>(end)) - bic_.begin());
        if (best == begin || best + 1 == end) return;
        const auto at = [&](double knee) {
            Curve curve = grid_[best];
            curve.knee = knee;
            const Fit fitted = fit(curve);
            const double bic = bic_of(curve, fitted);
            if (bic < bic_[best]) {
                curves_[best] = curve;
                fits_[best] = fitted;
                bic_[best] = bic;
            }
            return bic;
        };
        double low = grid_[best - 1].knee, high = grid_[best + 1].knee;
        double left = high - kGolden * (high - low), right = low + kGolden * (high - low);
        double at_left = at(left), at_right = at(right);
        for (int step = 2; step < kSteps; ++step) {
            if (at_left < at_right) {
                high = right;
                right = left;
                at_right = at_left;
                left = high - kGolden * (high - low);
                at_left = at(left);
            } else {
                low = left;
                left = right;
                at_left = at_right;
                right = low + kGolden * (high - low);
                at_right = at(right);
            }
        }
    }

    double residual_correlation() const {
        const Curve& curve = curves_[best_];
        std::vector<double> residuals(x_.size());
        for (std::size_t k = 0; k < x_.size(); ++k) {
            residuals[k] = centered_[k] - evaluate(terms_at(curve, x_[k]), fits_[best_].coefficients);
        }
        using namespace thresholds::correlation;
        const LagOne lag = lag_one(residuals);
        const double correlation = std::clamp(unbiased_correlation(lag.correlation, curve.parameters, x_.size()), 0., kMax);
        // Residuals as small as the rounding say nothing about the process's own correlation.
        const bool only_rounding = lag.mean_square < std::pow(kRounding * smallest_noise_, 2);
        return only_rounding ? std::min(correlation, kMaxOfRounding) : correlation;
    }

    FittedCurve fitted(std::size_t index, double weight) const {
        constexpr double kMinVariance = 1e-18;
        const Fit& fit = fits_[index];
        FittedCurve result{curves_[index], weight, fit.coefficients, 0, 0, count() - curves_[index].terms};
        const Terms e = end_slope_weights(result.curve);
        double variance = 0;
        for (int i = 0; i < result.curve.terms; ++i) {
            for (int j = 0; j < result.curve.terms; ++j) variance += e[i] * e[j] * fit.covariance[i][j];
        }
        result.end_slope = evaluate(e, fit.coefficients);
        result.end_slope_error = std::sqrt(std::max(variance * error_variance(fit, result.degrees), kMinVariance));
        return result;
    }

    std::span<const double> x_, centered_;
    double smallest_noise_;
    std::vector<Curve> grid_;
    std::vector<Curve> curves_;  // grid_ with refined knees
    std::vector<Fit> fits_;
    std::vector<double> bic_;
    std::size_t best_ = 0;
    double correlation_ = 0;
};

}  // namespace

Mixture fit_curves(std::span<const double> x, std::span<const double> values, double smallest_noise) {
    const double center = mean(values);
    std::vector<double> centered(values.begin(), values.end());
    for (double& value : centered) value -= center;

    CurveFitter fitter(x, centered, smallest_noise);
    fitter.run();
    Mixture mixture = fitter.mixture();
    mixture.center = center;
    mixture.fitted.assign(x.size(), center);
    for (const FittedCurve& curve : mixture.curves) {
        for (std::size_t k = 0; k < x.size(); ++k) {
            mixture.fitted[k] += curve.weight * evaluate(terms_at(curve.curve, x[k]), curve.coefficients);
        }
    }
    return mixture;
}

double slope_quantile(std::span<const SlopeComponent> components, double q) {
    if (components.empty()) return std::numeric_limits<double>::quiet_NaN();
    constexpr double kReach = 60;  // standard errors
    double total = 0, low = std::numeric_limits<double>::infinity(), high = -low;
    for (const SlopeComponent& component : components) {
        total += component.weight;
        low = std::min(low, component.slope - kReach * component.error);
        high = std::max(high, component.slope + kReach * component.error);
    }
    for (int i = 0; i < 60; ++i) {
        const double middle = .5 * (low + high);
        double below = 0;
        for (const SlopeComponent& component : components) {
            const double t = (middle - component.slope) / component.error;
            below += component.weight / total * (1 - student_t_upper_tail(t, component.degrees));
        }
        (below < q ? low : high) = middle;
    }
    return .5 * (low + high);
}

LineFit fit_line(std::span<const double> x, std::span<const double> values) {
    constexpr double kMax = .9, kMinVariance = 1e-18;
    constexpr int kTerms = 2;
    const std::size_t points = x.size();
    const double center = mean(values);
    Rows rows{};
    Values centered{};
    for (std::size_t k = 0; k < points; ++k) {
        rows[k] = {1, x[k]};
        centered[k] = values[k] - center;
    }
    Fit fit = fit_terms(rows, centered, points, kTerms);
    std::vector<double> residuals(points);
    for (std::size_t k = 0; k < points; ++k) residuals[k] = centered[k] - evaluate(rows[k], fit.coefficients);
    const double raw = lag_one(residuals).correlation;
    const double correlation = std::clamp(raw + (2 + 3 * std::max(raw, 0.)) / static_cast<double>(points), 0., kMax);
    if (correlation > 0) {
        const Whitening whitening(x, correlation);
        Rows whitened_rows{};
        Values whitened{};
        whitening.apply(points, kTerms, rows, whitened_rows);
        whitening.apply(std::span(centered).first(points), whitened);
        fit = fit_terms(whitened_rows, whitened, points, kTerms);
    }
    const double degrees = static_cast<double>(points) - kTerms;
    const double variance = fit.covariance[1][1] * fit.residual_sum / degrees;
    return {fit.coefficients[1], std::sqrt(std::max(variance, kMinVariance)), degrees};
}

}  // namespace leakline::analysis::trend
