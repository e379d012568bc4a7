#include "analysis/trend/internal/vetoes.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "analysis/statistics.hpp"
#include "analysis/trend/internal/thresholds.hpp"

namespace leakline::analysis::trend {

namespace {

struct Concentration {
    double top_two = 1, top_three = 1;  // parts of all growth
};

Concentration concentration(std::vector<double> changes) {
    std::sort(changes.begin(), changes.end(), std::greater<>());
    double growth = 0;
    for (const double change : changes) growth += std::max(change, 0.);
    if (growth <= 0 || changes.size() < 3) return {};
    return {(changes[0] + changes[1]) / growth, (changes[0] + changes[1] + changes[2]) / growth};
}

bool in_few_jumps(std::span<const double> blocks) {
    using namespace thresholds::jumps_veto;
    std::vector<double> changes;
    for (std::size_t i = 1; i < blocks.size(); ++i) changes.push_back(blocks[i] - blocks[i - 1]);
    const Concentration all = concentration(changes);
    double two = all.top_two;

    // A warm-up that dwarfs them must not hide that what came later were jumps.
    const auto skipped = static_cast<std::ptrdiff_t>(kWarmup * static_cast<double>(changes.size()));
    const std::vector<double> later(changes.begin() + skipped, changes.end());
    const bool any_growth = std::any_of(later.begin(), later.end(), [](double change) { return change > 0; });
    if (later.size() >= kMinLaterBlocks && any_growth) two = std::max(two, concentration(later).top_two);
    return two > kTwoJumpShare || all.top_three > kThreeJumpShare;
}

}  // namespace

bool grows_in_few_jumps(std::span<const double> bin_medians) {
    std::vector<double> blocks = block_medians(bin_medians, thresholds::jumps_veto::kJumpBlocks);
    if (!in_few_jumps(blocks)) return false;
    // Of a cycle with steep flanks (a day's shift) the jumps are given back: look at what is never given back.
    for (std::size_t i = blocks.size() - 1; i-- > 0;) blocks[i] = std::min(blocks[i], blocks[i + 1]);
    return in_few_jumps(blocks);
}

std::optional<double> probability_goes_on(std::span<const double> x, std::span<const double> values, double slope) {
    using namespace thresholds::tail_veto;
    std::vector<double> tail_x, tail_values;
    for (std::size_t i = 0; i < x.size(); ++i) {
        if (x[i] < kTailBegin) continue;
        tail_x.push_back(x[i]);
        tail_values.push_back(values[i]);
    }
    if (tail_x.size() < kMinPoints) return std::nullopt;
    const LineFit tail = fit_line(tail_x, tail_values);
    return student_t_upper_tail((kMinSlopeRatio * slope - tail.slope) / tail.slope_error, tail.degrees);
}

double probability_of_pause(std::span<const double> clock, std::span<const double> values, double smallest_noise) {
    constexpr double kQuarterOfNormal = .3186, kOfSecondDifference = 2.449;  // sqrt(1 + 4 + 1)
    if (values.size() < 3) return 1;
    std::vector<double> bends;
    for (std::size_t i = 2; i < values.size(); ++i) bends.push_back(std::fabs(values[i] - 2 * values[i - 1] + values[i - 2]));
    // The lower quarter: between steps there is noise alone, at them is not.
    const double noise = std::max(smallest_noise, quantile(std::move(bends), .25) / (kQuarterOfNormal * kOfSecondDifference));
    double record = values[0], last = clock[0], longest = 0, rises = 0;
    for (std::size_t i = 1; i < values.size(); ++i) {
        if (values[i] <= record + thresholds::tail_veto::kAboveNoise * noise) continue;
        longest = std::max(longest, clock[i] - last);
        record = values[i];
        last = clock[i];
        ++rises;
    }
    const double end = clock.back(), whole = end - clock.front(), tail = end - last;
    if (rises < 1 || whole <= 0 || longest <= 0 || tail <= longest) return 1;
    // Rises are at worst as irregular as those of a Poisson process. Two answers, and the larger counts, because a warm-up
    // crowds the rises at the beginning: that all of them fall before the tail, and that the last of pauses which are
    // distributed alike is so many times the longest of the others.
    const double all_before = std::pow(1 - tail / whole, rises), times = tail / longest;
    const double so_much_longer = std::exp(log_gamma(rises + 1) + log_gamma(times + 1) - log_gamma(rises + times + 1));
    return std::max(all_before, so_much_longer);
}

std::vector<double> without_cycle(const Mixture& mixture, std::span<const double> x, std::span<const double> values) {
    std::vector<double> result(values.begin(), values.end());
    if (mixture.best.shape != Shape::sine_linear || mixture.best.knee > thresholds::tail_veto::kShortPeriod) return result;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const Terms terms = terms_at(mixture.best, x[i]);
        result[i] -= terms[2] * mixture.best_coefficients[2] + terms[3] * mixture.best_coefficients[3];
    }
    return result;
}

}  // namespace leakline::analysis::trend
