#include "analysis/internal/false_discovery.hpp"

#include <algorithm>
#include <numeric>

namespace leakline::analysis {

std::vector<double> adjust_for_discovery(std::span<const double> p) {
    const std::size_t count = p.size();
    double harmonic = 0;
    for (std::size_t i = 1; i <= count; ++i) harmonic += 1.0 / static_cast<double>(i);

    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });

    // From the largest down, so that the adjusted values keep the order of the raw ones.
    std::vector<double> adjusted(count);
    double bound = 1;
    for (std::size_t rank = count; rank > 0; --rank) {
        const std::size_t i = order[rank - 1];
        bound = std::min(bound, p[i] * static_cast<double>(count) * harmonic / static_cast<double>(rank));
        adjusted[i] = bound;
    }
    return adjusted;
}

}  // namespace leakline::analysis
