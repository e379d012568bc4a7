#include "model/self_test.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace leakline {

double Proportion::value() const {
    return total == 0 ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(hits) / static_cast<double>(total);
}

Interval Proportion::interval() const {
    if (total == 0) return {value(), 0, 1};
    const double n = static_cast<double>(total), p = value(), z2 = kNormal95 * kNormal95;
    const double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
    const double half = kNormal95 * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
    return {p, std::max(0., middle - half), std::min(1., middle + half)};
}

}  // namespace leakline
