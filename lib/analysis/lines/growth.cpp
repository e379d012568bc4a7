#include "analysis/lines/internal/growth.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "analysis/statistics.hpp"

namespace leakline::analysis {

namespace {

// Increments that are less significant than this are not called growth, whatever the other lines do.
constexpr double kCandidate = 0.05;
constexpr std::size_t kMinIncrements = 3;
constexpr std::size_t kMinGroups = 4;
// Of a line that was level before: as many rounds as a whole run needs to be judged at all.
constexpr std::size_t kMinLateIncrements = 4;
// A bounded cache of records of different sizes moves by a few per cent around its level.
constexpr double kNoise = 0.10;
// How far below the usual rate the last rounds may be where all rounds were alike.
constexpr double kLastRoundSlack = 0.10;

struct Rates {
    std::vector<double> rate, width;  // bytes per unit of x, units of x
};

// Increments over groups of `together` marks, aligned to the last mark: what happened last counts most.
Rates rates_of(std::span<const double> x, std::span<const double> bytes, std::size_t together) {
    Rates rates;
    const std::size_t groups = (x.size() - 1) / together;
    for (std::size_t g = 0; g < groups; ++g) {
        const std::size_t to = x.size() - 1 - (groups - 1 - g) * together, from = to - together;
        rates.width.push_back(x[to] - x[from]);
        rates.rate.push_back((bytes[to] - bytes[from]) / rates.width.back());
    }
    return rates;
}

double spread(std::span<const double> values) {
    const double center = mean(values);
    double sum = 0;
    for (double v : values) sum += (v - center) * (v - center);
    return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

// Scaled median absolute deviation: a spread that is robust against outliers.
double robust_spread(std::span<const double> values) {
    const double center = median({values.begin(), values.end()});
    std::vector<double> distance;
    for (double v : values) distance.push_back(std::abs(v - center));
    return 1.4826 * median(distance);
}

// Whether later rates are lower than earlier ones in nearly every pair: Kendall's tau below -0.6, and by a
// lot.
bool slows_down(std::span<const double> rate) {
    const std::size_t count = rate.size();
    double balance = 0;
    for (std::size_t i = 0; i < count; ++i)
        for (std::size_t j = i + 1; j < count; ++j) balance += rate[j] < rate[i] ? -1 : rate[j] > rate[i] ? 1 : 0;
    const double pairs = static_cast<double>(count * (count - 1)) / 2;
    const std::size_t third = std::max<std::size_t>(1, count / 3);
    return balance / pairs < -0.6 && mean(rate.last(third)) < 0.75 * mean(rate.first(third));
}

// Grows in every round, to the end, at no falling rate.
bool is_steady(const Rates& rates, double sample_bytes) {
    const std::vector<double>& rate = rates.rate;
    if (*std::min_element(rate.begin(), rate.end()) <= 0) return false;
    if (slows_down(rate)) return false;
    // Robust: the last round is not among those that it is compared with.
    const std::span<const double> before(rate.data(), rate.size() - 1);
    const double usual = median({before.begin(), before.end()});
    const double by_chance = 3 * std::sqrt(sample_bytes * std::max(usual, 0.0) / rates.width.back());
    const double slack = std::max({kLastRoundSlack * usual, 3.5 * robust_spread(before), by_chance});
    return rate.back() >= usual - std::min(slack, 0.5 * usual);
}

// P(increments like these | no growth). block: bytes of one allocation, the grain that levels are counted in.
double chance(const Rates& rates, double block) {
    const double count = static_cast<double>(rates.rate.size());
    // A count that is rounded to whole blocks has a standard deviation of 1/sqrt(12) block even where none is
    // seen.
    const double grain = block / std::sqrt(12.0) / median(rates.width);
    const double deviation = std::max(spread(rates.rate), grain);
    if (deviation <= 0) return 1;
    return student_t_upper_tail(mean(rates.rate) / (deviation / std::sqrt(count)), count - 1);
}

double bytes_of_one_block(std::span<const double> bytes, std::span<const double> blocks) {
    const double grown = blocks.back() - blocks.front();
    return grown >= 1 ? (bytes.back() - bytes.front()) / grown : 1;
}

// How far apart estimates of one level may be: the number of samples has the distribution of Poisson, and of a dozen levels nearly all are
// within five standard deviations of each other.
double noise_of_samples(double level, double sample_bytes) { return 5 * std::sqrt(sample_bytes * std::max(level, 0.0)); }

// From a level down to a later one.
double largest_fall(std::span<const double> bytes) {
    double highest = bytes.front(), fall = 0;
    for (const double level : bytes) {
        highest = std::max(highest, level);
        fall = std::max(fall, highest - level);
    }
    return fall;
}

// Where the level stays within noise to the end: index of the first such mark; the last index where it never
// does.
std::size_t plateau_begin(std::span<const double> bytes, double sample_bytes) {
    const double low = *std::min_element(bytes.begin(), bytes.end()), high = *std::max_element(bytes.begin(), bytes.end());
    std::size_t begin = bytes.size() - 1;
    double least = bytes.back(), most = bytes.back();
    while (begin > 0) {
        least = std::min(least, bytes[begin - 1]);
        most = std::max(most, bytes[begin - 1]);
        if (most - least > std::max({kNoise * (high - low), kNoise * most, noise_of_samples(most, sample_bytes)})) break;
        --begin;
    }
    return begin;
}

GrowthClass shape_of(std::span<const double> bytes, const Rates& rates, double sample_bytes) {
    const double low = *std::min_element(bytes.begin(), bytes.end()), high = *std::max_element(bytes.begin(), bytes.end());
    // Of a full cache of records of different sizes, or of estimates.
    const double noise = std::max(2 * kNoise * mean(bytes), noise_of_samples(high, sample_bytes)), range = high - low,
                 net = bytes.back() - bytes.front();
    double rises = 0, falls = 0;
    for (std::size_t i = 1; i < bytes.size(); ++i) {
        rises += std::max(0.0, bytes[i] - bytes[i - 1]);
        falls += std::max(0.0, bytes[i - 1] - bytes[i]);
    }
    const std::size_t plateau = plateau_begin(bytes, sample_bytes), last = bytes.size() - 1;
    const bool settled = last - plateau >= 2 || (last - plateau == 1 && plateau >= 3);
    const double risen = mean(bytes.subspan(plateau)) - bytes.front();
    if (net > 0 && settled && plateau > 0 && risen > 0.6 * range && range > noise) return GrowthClass::filling_then_flat;
    if (net > 0 && rates.rate.size() >= kMinGroups && slows_down(rates.rate) && falls < 0.1 * rises) return GrowthClass::filling_then_flat;
    if (range <= noise) return GrowthClass::flat;
    if (net < 0 && -net > 0.5 * range && rises < 0.5 * falls) return GrowthClass::shrinking;
    if (std::abs(net) < 0.5 * range && rises > 0 && largest_fall(bytes) > noise_of_samples(high, sample_bytes))
        return GrowthClass::sawtooth;
    return GrowthClass::unclear;
}

}  // namespace

GrowthJudgment judge_growth(std::span<const double> x, std::span<const double> bytes, std::span<const double> blocks, double sample_bytes) {
    GrowthJudgment judgment;
    if (x.size() < 2) return judgment;
    if (std::all_of(bytes.begin(), bytes.end(), [&](double b) { return b == bytes.front(); })) {
        judgment.growth_class = GrowthClass::flat;
        return judgment;
    }
    if (x.size() < kMinIncrements + 1) return judgment;

    std::size_t tried = 0;
    for (std::size_t together = 1; together == 1 || (x.size() - 1) / together >= kMinGroups; ++together) {
        ++tried;
        const Rates rates = rates_of(x, bytes, together);
        if (!is_steady(rates, sample_bytes)) continue;
        const double p = std::min(1.0, chance(rates, bytes_of_one_block(bytes, blocks)) * static_cast<double>(tried));
        if (p > kCandidate) continue;
        judgment.p_value = p;
        judgment.growth_class = GrowthClass::linear;
        return judgment;
    }
    // Growth that began late: exactly level at first, then growing in each of the last rounds.
    std::size_t start = 0;
    while (start + 1 < bytes.size() && bytes[start + 1] == bytes.front()) ++start;
    if (start > 0 && bytes.size() - start > kMinLateIncrements) {
        const Rates rates = rates_of(x.subspan(start), bytes.subspan(start), 1);
        const double p = std::min(1.0, chance(rates, bytes_of_one_block(bytes, blocks)) * static_cast<double>(tried + start));
        if (is_steady(rates, sample_bytes) && p <= kCandidate) {
            judgment.p_value = p;
            judgment.growth_class = GrowthClass::linear;
            return judgment;
        }
    }
    judgment.growth_class = shape_of(bytes, rates_of(x, bytes, 1), sample_bytes);
    return judgment;
}

std::optional<Interval> growth_rate(std::span<const double> x, std::span<const double> bytes) {
    if (x.size() < 3) return std::nullopt;
    const Rates rates = rates_of(x, bytes, 1);
    const double count = static_cast<double>(rates.rate.size());
    const double estimate = (bytes.back() - bytes.front()) / (x.back() - x.front());
    const double half = student_t_quantile(0.975, count - 1) * spread(rates.rate) / std::sqrt(count);
    return Interval{estimate, estimate - half, estimate + half};
}

}  // namespace leakline::analysis
