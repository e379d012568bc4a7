#include "analysis/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace leakline::analysis {

double mean(std::span<const double> values) {
    if (values.empty()) return 0;
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double quantile(std::vector<double> values, double q) {
    if (values.empty()) return 0;
    const double position = q * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const auto nth = values.begin() + static_cast<std::ptrdiff_t>(below);
    std::nth_element(values.begin(), nth, values.end());
    if (below + 1 >= values.size()) return *nth;
    const double next = *std::min_element(nth + 1, values.end());
    return *nth + (position - static_cast<double>(below)) * (next - *nth);
}

double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

double log_gamma(double x) {
    int sign = 0;
    return lgamma_r(x, &sign);  // std::lgamma writes a global
}

namespace {

// The continued fraction of the incomplete beta function, evaluated by Lentz's method as modified by Thompson and
// Barnett (1986).
double beta_continued_fraction(double a, double b, double x) {
    constexpr double kTiny = 1e-300, kPrecision = 1e-13;
    constexpr int kMaxIterations = 500;
    const auto away_from_zero = [](double v) { return std::fabs(v) < kTiny ? kTiny : v; };
    double c = 1;
    double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
    double result = d;
    for (int m = 1; m < kMaxIterations; ++m) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        result *= d * c;
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        result *= d * c;
        if (std::fabs(d * c - 1) < kPrecision) break;
    }
    return result;
}

double regularized_incomplete_beta(double a, double b, double x) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    const double front = std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) + b * std::log1p(-x));
    // The fraction converges fast on one side of the mean; the other side by symmetry.
    if (x < (a + 1) / (a + b + 2)) return front * beta_continued_fraction(a, b, x) / a;
    return 1 - front * beta_continued_fraction(b, a, 1 - x) / b;
}

}  // namespace

double student_t_upper_tail(double t, double degrees) {
    const double beyond = 0.5 * regularized_incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t));
    return t > 0 ? beyond : 1 - beyond;
}

double student_t_quantile(double p, double degrees) {
    if (p < .5) return -student_t_quantile(1 - p, degrees);
    double low = 0, high = 1000;
    for (int i = 0; i < 80; ++i) {
        const double middle = 0.5 * (low + high);
        (1 - student_t_upper_tail(middle, degrees) < p ? low : high) = middle;
    }
    return 0.5 * (low + high);
}

double theil_sen_slope(std::span<const double> x, std::span<const double> y) {
    constexpr std::size_t kMaxPoints = 120;
    const std::size_t stride = x.size() > kMaxPoints ? x.size() / kMaxPoints + 1 : 1;
    std::vector<double> slopes;
    for (std::size_t i = 0; i < x.size(); i += stride) {
        for (std::size_t j = i + stride; j < x.size(); j += stride) {
            if (x[j] > x[i]) slopes.push_back((y[j] - y[i]) / (x[j] - x[i]));
        }
    }
    return median(std::move(slopes));
}

LeastSquares least_squares(const std::vector<std::vector<double>>& columns, std::span<const double> y) {
    const std::size_t terms = columns.size(), rows = y.size(), all_rows = rows + terms;
    constexpr double kRidgeRoot = 1e-6;  // squared: 1e-12 on the diagonal of the scaled normal equations

    // Column-major [columns | ridge rows], each column of length 1.
    std::vector<std::vector<double>> a(terms);
    std::vector<double> scale(terms), b(y.begin(), y.end());
    b.resize(all_rows, 0);
    for (std::size_t c = 0; c < terms; ++c) {
        const double length = std::sqrt(std::inner_product(columns[c].begin(), columns[c].end(), columns[c].begin(), 0.0));
        scale[c] = length > 0 ? length : 1;
        a[c].resize(all_rows, 0);
        for (std::size_t r = 0; r < rows; ++r) a[c][r] = columns[c][r] / scale[c];
        a[c][rows + c] = kRidgeRoot;
    }

    // Reflect each column onto its diagonal: a becomes R, b becomes Q'b.
    for (std::size_t c = 0; c < terms; ++c) {
        double norm = 0;
        for (std::size_t r = c; r < all_rows; ++r) norm += a[c][r] * a[c][r];
        norm = std::copysign(std::sqrt(norm), -a[c][c]);
        std::vector<double> v(a[c].begin() + static_cast<std::ptrdiff_t>(c), a[c].end());
        v[0] -= norm;
        const double v2 = std::inner_product(v.begin(), v.end(), v.begin(), 0.0);
        const auto reflect = [&](std::vector<double>& column) {
            double dot = 0;
            for (std::size_t k = 0; k < v.size(); ++k) dot += v[k] * column[c + k];
            for (std::size_t k = 0; k < v.size(); ++k) column[c + k] -= 2 * dot / v2 * v[k];
        };
        if (v2 > 0) {
            for (std::size_t other = c; other < terms; ++other) reflect(a[other]);
            reflect(b);
        }
    }

    LeastSquares fit;
    fit.coefficients.assign(terms, 0);
    fit.unscaled_variances.assign(terms, 0);
    for (std::size_t i = terms; i-- > 0;) {
        double sum = b[i];
        for (std::size_t j = i + 1; j < terms; ++j) sum -= a[j][i] * fit.coefficients[j];
        fit.coefficients[i] = sum / a[i][i];
    }
    // Row i of R^-1 holds what (X'X)^-1 = R^-1 R^-T needs for its i-th diagonal element.
    for (std::size_t c = 0; c < terms; ++c) {
        std::vector<double> column(c + 1, 0);  // column c of R^-1
        for (std::size_t i = c + 1; i-- > 0;) {
            double sum = i == c ? 1 : 0;
            for (std::size_t j = i + 1; j <= c; ++j) sum -= a[j][i] * column[j];
            column[i] = sum / a[i][i];
            fit.unscaled_variances[i] += column[i] * column[i];
        }
    }
    for (std::size_t c = 0; c < terms; ++c) {
        fit.coefficients[c] /= scale[c];
        fit.unscaled_variances[c] /= scale[c] * scale[c];
    }
    fit.residuals.assign(y.begin(), y.end());
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < terms; ++c) fit.residuals[r] -= columns[c][r] * fit.coefficients[c];
        fit.residual_sum += fit.residuals[r] * fit.residuals[r];
    }
    return fit;
}

}  // namespace leakline::analysis
