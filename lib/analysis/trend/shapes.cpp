#include "analysis/trend/internal/shapes.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace leakline::analysis::trend {

std::string_view shape_name(Shape shape) {
    switch (shape) {
        case Shape::constant: return "flat";
        case Shape::linear: return "linear";
        case Shape::step: return "step";
        case Shape::exponential: return "warm-up, then flat";
        case Shape::fill_flat: return "fill-then-flat";
        case Shape::bent_fill: return "fill-then-flat after a warm-up";
        case Shape::late: return "late start, then linear";
        case Shape::exponential_linear: return "warm-up, then linear";
        case Shape::logarithmic: return "logarithmic";
        case Shape::two_slope: return "two slopes";
        case Shape::step_linear: return "linear with a step";
        case Shape::accelerating: return "accelerating";
        case Shape::two_steps: return "two steps";
        case Shape::step_two_slopes: return "two slopes with a step";
        case Shape::sine: return "cyclic";
        case Shape::sine_linear: return "linear with a cycle";
    }
    return "unknown";
}

namespace {

using Grid = std::vector<double>;

Grid geometric_grid(double first, double last, int count) {
    Grid grid;
    for (int i = 0; i < count; ++i) grid.push_back(first * std::pow(last / first, double(i) / (count - 1)));
    return grid;
}

Grid linear_grid(double first, double last, int count) {
    Grid grid;
    for (int i = 0; i < count; ++i) grid.push_back(first + (last - first) * i / (count - 1));
    return grid;
}

Grid every(const Grid& grid, std::size_t stride) {
    Grid thinned;
    for (std::size_t i = 0; i < grid.size(); i += stride) thinned.push_back(grid[i]);
    return thinned;
}

void add(std::vector<Curve>& curves, Shape shape, int terms, const Grid& knees) {
    const int searched = knees.size() > 1 ? 1 : 0;
    for (const double knee : knees) {
        curves.push_back({shape, terms, terms + searched, static_cast<int>(knees.size()), knee, 0});
    }
}

void add_two_steps(std::vector<Curve>& curves, const Grid& knees) {
    const int pairs = static_cast<int>(knees.size() * (knees.size() - 1) / 2);
    for (std::size_t i = 0; i < knees.size(); ++i) {
        for (std::size_t j = i + 1; j < knees.size(); ++j) {
            curves.push_back({Shape::two_steps, 3, 5, pairs, knees[j], knees[i]});
        }
    }
}

// Every leak may follow a warm-up (two slopes, a step, a decay); without these pairs a cache could not, and one that
// fills behind a warm-up would fit worse than any leak.
void add_bent_fills(std::vector<Curve>& curves, const Grid& bends, const Grid& knees) {
    constexpr double kSeparation = .1;
    std::vector<Curve> found;
    for (const double bend : bends) {
        for (const double knee : knees) {
            if (knee - bend >= kSeparation) found.push_back({Shape::bent_fill, 3, 5, 0, knee, bend});
        }
    }
    for (Curve& curve : found) curve.grid_size = static_cast<int>(found.size());
    curves.insert(curves.end(), found.begin(), found.end());
}

}  // namespace

std::vector<Curve> curves_for(std::span<const double> x) {
    // A step lies between two points; some 30 places are enough.
    constexpr std::size_t kStepPlaces = 30;
    Grid between;
    for (std::size_t i = 0; i + 1 < x.size(); ++i) between.push_back((x[i] + x[i + 1]) / 2);
    const Grid steps = every(between, std::max<std::size_t>(1, between.size() / kStepPlaces));

    std::vector<Curve> curves;
    curves.reserve(840);
    const Grid none{0};
    add(curves, Shape::constant, 1, none);
    add(curves, Shape::linear, 2, none);
    add(curves, Shape::step, 2, steps);
    if (x.size() < 8) return curves;

    add(curves, Shape::exponential, 2, geometric_grid(.008, .6, 26));
    add(curves, Shape::fill_flat, 2, linear_grid(.04, .92, 23));
    add(curves, Shape::late, 2, linear_grid(.1, .92, 21));
    if (x.size() < 14) return curves;

    add(curves, Shape::exponential_linear, 3, geometric_grid(.008, .3, 20));
    add(curves, Shape::logarithmic, 2, geometric_grid(.003, 4, 14));
    add(curves, Shape::two_slope, 3, linear_grid(.06, .8, 19));
    add(curves, Shape::step_linear, 3, steps);
    add(curves, Shape::accelerating, 3, none);
    add_bent_fills(curves, geometric_grid(.03, .5, 9), linear_grid(.16, .92, 20));
    add_two_steps(curves, every(steps, 2));
    Grid inner;
    std::copy_if(steps.begin(), steps.end(), std::back_inserter(inner), [](double k) { return k > .04 && k < .82; });
    add(curves, Shape::step_two_slopes, 4, inner);
    const Grid periods{.15, .2, .25, .3, .35, .4, .5, .6, .7, .85, 1., 1.25};
    add(curves, Shape::sine, 3, periods);
    add(curves, Shape::sine_linear, 4, Grid(periods.begin(), periods.begin() + 9));
    return curves;
}

Terms terms_at(const Curve& curve, double x) {
    const double k = curve.knee;
    const auto past = [x](double knee) { return x > knee ? 1. : 0.; };
    switch (curve.shape) {
        case Shape::constant: return {1};
        case Shape::linear: return {1, x};
        case Shape::step: return {1, past(k)};
        case Shape::exponential: return {1, -std::exp(-x / k)};
        case Shape::fill_flat: return {1, std::min(x, k)};
        case Shape::bent_fill: return {1, std::min(x, curve.first_knee), std::min(x, k)};
        case Shape::late: return {1, std::max(x - k, 0.)};
        case Shape::exponential_linear: return {1, x, -std::exp(-x / k)};
        case Shape::logarithmic: return {1, std::log1p(x / k)};
        case Shape::two_slope: return {1, std::min(x, k), std::max(x - k, 0.)};
        case Shape::step_linear: return {1, x, past(k)};
        case Shape::accelerating: return {1, x, x * x};
        case Shape::two_steps: return {1, past(curve.first_knee), past(k)};
        case Shape::step_two_slopes: return {1, past(k), std::min(x - k, 0.), std::max(x - k, 0.)};
        case Shape::sine:
        case Shape::sine_linear: {
            const double phase = 2 * std::numbers::pi * x / k;
            if (curve.shape == Shape::sine) return {1, std::sin(phase), std::cos(phase)};
            return {1, x, std::sin(phase), std::cos(phase)};
        }
    }
    return {1};
}

Terms end_slope_weights(const Curve& curve) {
    const double k = curve.knee;
    switch (curve.shape) {
        case Shape::linear:
        case Shape::late:
        case Shape::exponential_linear:
        case Shape::step_linear:
        case Shape::sine_linear: return {0, 1};
        case Shape::exponential: return {0, std::exp(-1 / k) / k};
        case Shape::logarithmic: return {0, 1 / (1 + k)};
        case Shape::two_slope: return {0, 0, 1};
        case Shape::accelerating: return {0, 1, 2};
        case Shape::step_two_slopes: return {0, 0, 0, 1};
        case Shape::constant:
        case Shape::step:
        case Shape::fill_flat:
        case Shape::bent_fill:
        case Shape::two_steps:
        case Shape::sine: return {};
    }
    return {};
}

bool ends_in_free_slope(Shape shape) {
    switch (shape) {
        case Shape::linear:
        case Shape::late:
        case Shape::exponential_linear:
        case Shape::two_slope:
        case Shape::step_linear:
        case Shape::accelerating:
        case Shape::step_two_slopes:
        case Shape::sine_linear: return true;
        default: return false;
    }
}

}  // namespace leakline::analysis::trend
