#include "analysis/trend/internal/classes.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/statistics.hpp"
#include "analysis/trend/internal/thresholds.hpp"

namespace leakline::analysis::trend {

namespace {

bool is_leak_shape(const Curve& curve) {
    return ends_in_free_slope(curve.shape) ||
           (curve.shape == Shape::logarithmic && curve.knee >= thresholds::leak_shapes::kLineLikeLogarithm);
}

double probability_above(const FittedCurve& curve, double slope) {
    return student_t_upper_tail((slope - curve.end_slope) / curve.end_slope_error, curve.degrees);
}

// A fall that undoes growth (a restart, a reload, a trim), so recent that what grew since has not outgrown it: the
// next tooth of a sawtooth looks the same.
bool is_reset_not_outgrown(const FittedCurve& curve) {
    if (curve.curve.shape != Shape::step_linear && curve.curve.shape != Shape::step_two_slopes) return false;
    using namespace thresholds::reset;
    const bool one_slope = curve.curve.shape == Shape::step_linear;
    const double knee = curve.curve.knee;
    const double jump = curve.coefficients[one_slope ? 2 : 1];
    const double before = curve.coefficients[one_slope ? 1 : 2] * knee;
    const double after = curve.coefficients[one_slope ? 1 : 3] * (1 - knee);
    return jump < 0 && jump < -kFallOfGrowth * std::max(before, 0.) && 1 - knee <= kRecent &&
           jump + after < kOutgrown * std::max(before, after);
}

CurveClass classify_leak_shape(const FittedCurve& curve) {
    using namespace thresholds::leak_shapes;
    const Terms& c = curve.coefficients;
    const double knee = curve.curve.knee;
    if (is_reset_not_outgrown(curve)) return CurveClass::open;
    switch (curve.curve.shape) {
        case Shape::late: return knee > kLateKnee ? CurveClass::open : CurveClass::leak;
        case Shape::accelerating: {
            const double growth = c[1] + c[2];
            if (c[1] < 0 && growth <= 0) return CurveClass::declining;
            return c[2] < 0 && curve.end_slope < kMinEndSlope * growth ? CurveClass::open : CurveClass::leak;
        }
        case Shape::exponential_linear: {
            const double saturated = c[2] * (1 - std::exp(-1 / knee));
            return knee > kLongWarmup && saturated > c[1] ? CurveClass::open : CurveClass::leak;
        }
        default: return CurveClass::leak;
    }
}

// Where the bounded curve settles, less the mixture's center.
double plateau_of(const FittedCurve& curve) {
    const Terms& c = curve.coefficients;
    switch (curve.curve.shape) {
        case Shape::fill_flat: return c[0] + c[1] * curve.curve.knee;
        case Shape::bent_fill: return c[0] + c[1] * curve.curve.first_knee + c[2] * curve.curve.knee;
        case Shape::step: return c[0] + c[1];
        case Shape::two_steps: return c[0] + c[1] + c[2];
        default: return c[0];
    }
}

}  // namespace

CurveClass classify(const FittedCurve& curve, double least_growth) {
    using namespace thresholds::bounded_shapes;
    if (is_leak_shape(curve.curve)) return classify_leak_shape(curve);
    const Terms& c = curve.coefficients;
    const double knee = curve.curve.knee;
    bool open = false;
    switch (curve.curve.shape) {
        case Shape::exponential: {
            const double to_come = c[1] * std::exp(-1 / knee);
            open = c[1] > 0 && to_come > std::max(least_growth, kMaxRemaining * c[1]);
            break;
        }
        case Shape::logarithmic: open = probability_above(curve, least_growth) >= .5; break;
        case Shape::fill_flat: open = knee > kLateFill && c[1] > 0; break;
        case Shape::bent_fill: open = knee > kLateFill && c[2] > 0; break;
        case Shape::sine: open = knee > kLongPeriod; break;
        case Shape::step: open = knee > kLateStep && c[1] > 0; break;
        case Shape::two_steps:
            open = c[2] > 0 && (knee > kLateStep || (knee > kLateSecondStep && c[1] > least_growth && c[2] > least_growth));
            break;
        default: break;
    }
    return open ? CurveClass::open : CurveClass::bounded;
}

ClassEvidence weigh(const Mixture& mixture, double least_growth) {
    ClassEvidence evidence;
    double plateau = 0, plateau_weight = 0;
    for (const FittedCurve& curve : mixture.curves) {
        const double w = curve.weight;
        const double grows = probability_above(curve, least_growth);
        switch (classify(curve, least_growth)) {
            case CurveClass::declining: evidence.stable += w; break;
            case CurveClass::bounded:
                evidence.stable += w;
                plateau += w * plateau_of(curve);
                plateau_weight += w;
                break;
            case CurveClass::leak:
                evidence.leak += w * probability_above(curve, thresholds::verdict::kLeastGrowthFactor * least_growth);
                evidence.stable += w * (1 - grows);
                evidence.leak_slopes.push_back({w, curve.end_slope, curve.end_slope_error, curve.degrees});
                break;
            case CurveClass::open:
                if (is_reset_not_outgrown(curve)) evidence.reset += w;
                if (ends_in_free_slope(curve.curve.shape) || curve.curve.shape == Shape::logarithmic) {
                    evidence.stable += w * (1 - grows);
                }
                break;
        }
    }
    if (plateau_weight > 0) evidence.plateau = mixture.center + plateau / plateau_weight;
    return evidence;
}

std::vector<SlopeComponent> all_slopes(const Mixture& mixture) {
    constexpr double kMinError = 1e-9;
    std::vector<SlopeComponent> components;
    for (const FittedCurve& curve : mixture.curves) {
        const bool sloped = ends_in_free_slope(curve.curve.shape) || curve.curve.shape == Shape::logarithmic;
        components.push_back({curve.weight, sloped ? curve.end_slope : 0, std::max(curve.end_slope_error, kMinError), curve.degrees});
    }
    return components;
}

}  // namespace leakline::analysis::trend
