// The curves that memory is known to follow, each linear in its coefficients once its knee is fixed.
//
// x is the position in the run, 0..1 (of its time, or of its requests). Every shape's first term is the constant 1.
// Pure functions, safe from any thread.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

namespace leakline::analysis::trend {

enum class Shape {
    constant,            //  1
    linear,              //  1, x
    step,                //  1, [x > k]
    exponential,         //  1, -exp(-x/k)                     warm-up that dies away
    fill_flat,           //  1, min(x, k)                      a cache that reaches its bound
    bent_fill,           //  1, min(x, k'), min(x, k), k' < k  a warm-up, then a cache that fills and reaches its bound
    late,                //  1, max(x - k, 0)                  a leak that starts during the run
    exponential_linear,  //  1, x, -exp(-x/k)                  warm-up, then a leak
    logarithmic,         //  1, log(1 + x/k)                   fragmentation; for large k nearly a line
    two_slope,           //  1, min(x, k), max(x - k, 0)
    step_linear,         //  1, x, [x > k]
    accelerating,        //  1, x, x^2
    two_steps,           //  1, [x > k'], [x > k], k' < k
    step_two_slopes,     //  1, [x > k], min(x - k, 0), max(x - k, 0)
    sine,                //  1, sin(2 pi x/k), cos(2 pi x/k)   a daily load
    sine_linear,         //  1, x, sin, cos
};
// As a report calls it: "linear", "fill-then-flat", ...
std::string_view shape_name(Shape shape);

inline constexpr int kMaxTerms = 4;
using Terms = std::array<double, kMaxTerms>;

// One curve: a shape with its knee fixed.
struct Curve {
    Shape shape = Shape::constant;
    int terms = 1;          // linear coefficients
    int parameters = 1;     // terms + knees that were searched
    int grid_size = 1;      // knees tried for this shape: the price of the search
    double knee = 0;        // k above: knee, time constant, or period
    double first_knee = 0;  // k' of two_steps and bent_fill
};

// All curves worth trying on points at x (ascending, 0..1): fewer shapes for fewer than 14 and fewer than 8 points.
// The first is the constant, the second the line.
std::vector<Curve> curves_for(std::span<const double> x);
inline constexpr std::size_t kLineIndex = 1;

// The value of each term at x; those from curve.terms on are 0.
Terms terms_at(const Curve& curve, double x);
// Weights e such that sum e[i] * coefficient[i] is the slope dy/dx at the end of the run, x = 1.
Terms end_slope_weights(const Curve& curve);
// Fills and reaches a bound at its knee.
inline bool fills(Shape shape) { return shape == Shape::fill_flat || shape == Shape::bent_fill; }
// Ends in a slope of its own, unbound by what came before.
bool ends_in_free_slope(Shape shape);

}  // namespace leakline::analysis::trend
