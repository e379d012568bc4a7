#include "analysis/trend/internal/front_end.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/trend/internal/thresholds.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis::trend {

Samples Samples::from(std::size_t first) const {
    return {seconds.subspan(first), bytes.subspan(first), requests.empty() ? requests : requests.subspan(first)};
}

Samples all_samples(const Series& series) { return {series.seconds, series.value, series.requests}; }

std::size_t first_at(const Samples& samples, double seconds) {
    return static_cast<std::size_t>(std::lower_bound(samples.seconds.begin(), samples.seconds.end(), seconds) - samples.seconds.begin());
}

Samples before_idle_end(const Samples& samples) {
    if (samples.requests_made() <= 0) return samples;
    const double busy_until = samples.requests.back() - thresholds::front_end::kIdleRequests * samples.requests_made();
    const auto first_idle =
        static_cast<std::size_t>(std::lower_bound(samples.requests.begin(), samples.requests.end(), busy_until) - samples.requests.begin());
    return {samples.seconds.first(first_idle), samples.bytes.first(first_idle), samples.requests.first(first_idle)};
}

namespace {

// How far a sample may stick out of its neighbors, in bytes: five standard deviations of the change between samples
// (median |change| / .954 estimates that of normal noise), but no less than what counts as growth at all.
double spike_threshold(std::span<const double> bytes) {
    constexpr double kMedianToDeviation = .954;
    constexpr std::size_t kLookedAt = 100'000;
    const std::size_t stride = std::max<std::size_t>(1, bytes.size() / kLookedAt);
    std::vector<double> changes;
    changes.reserve(bytes.size() / stride + 1);
    for (std::size_t i = 1; i < bytes.size(); i += stride) changes.push_back(std::fabs(bytes[i] - bytes[i - 1]));
    const auto middle = changes.begin() + static_cast<std::ptrdiff_t>(changes.size() / 2);
    std::nth_element(changes.begin(), middle, changes.end());
    return std::max(thresholds::front_end::kSpikeDeviations * *middle / kMedianToDeviation, thresholds::scales::kLeastGrowthMib * kMiB);
}

// Sample i without a lone spike. A median of 3 over everything would make white noise look correlated.
double despiked(std::span<const double> bytes, std::size_t i, double threshold) {
    if (i == 0 || i + 1 >= bytes.size()) return bytes[i];
    const auto [low, high] = std::minmax(bytes[i - 1], bytes[i + 1]);
    const double middle = std::clamp(bytes[i], low, high);
    return std::fabs(bytes[i] - middle) > threshold ? middle : bytes[i];
}

class BinBuilder {
  public:
    BinBuilder(const Samples& samples, Bins& bins) : samples_(samples), bins_(bins) {}

    void add(std::size_t i, double mib) {
        values_.push_back(mib);
        time_ += samples_.seconds[i] - samples_.seconds.front();
        if (!samples_.requests.empty()) requests_ += samples_.requests[i] - samples_.requests.front();
    }

    // Ends the bin. Selections are nested, so that each works on what the one before left.
    void finish() {
        if (values_.empty()) return;
        const std::size_t count = values_.size(), tenth = (count - 1) / 10;
        const auto at = [&](std::size_t i) { return values_.begin() + static_cast<std::ptrdiff_t>(i); };
        const std::size_t middle = (count - 1) / 2;
        std::nth_element(at(0), at(middle), at(count));
        double median = values_[middle];
        if (count % 2 == 0) median = .5 * (median + *std::min_element(at(middle + 1), at(count)));
        std::nth_element(at(0), at(tenth), at(middle + 1));
        std::nth_element(at(middle), at(count - 1 - tenth), at(count));
        const auto n = static_cast<double>(count);
        bins_.x.push_back(time_ / n / bins_.duration_s);
        bins_.middle.push_back(median);
        bins_.low.push_back(values_[tenth]);
        bins_.high.push_back(values_[count - 1 - tenth]);
        if (!samples_.requests.empty()) bins_.requests.push_back(requests_ / n);
        values_.clear();
        time_ = requests_ = 0;
    }

  private:
    const Samples& samples_;
    Bins& bins_;
    std::vector<double> values_;
    double time_ = 0, requests_ = 0;
};

}  // namespace

Bins bin_samples(const Samples& samples) {
    using thresholds::front_end::kBins;
    Bins bins;
    bins.duration_s = samples.duration();
    const double threshold = spike_threshold(samples.bytes), start = samples.seconds.front();
    const bool one_each = samples.size() <= kBins;
    constexpr double kMinStep = 1e-9;
    double smallest_step = std::numeric_limits<double>::infinity(), before = 0;

    BinBuilder builder(samples, bins);
    std::size_t bin = 0;
    double bin_end = bins.duration_s / kBins;  // since the start
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const double elapsed = samples.seconds[i] - start;
        if (one_each ? i > 0 : (elapsed >= bin_end && bin + 1 < kBins)) {
            builder.finish();
            bin = std::min<std::size_t>(kBins - 1, static_cast<std::size_t>(elapsed / bins.duration_s * kBins));
            bin_end = bins.duration_s * static_cast<double>(bin + 1) / kBins;
        }
        const double mib = despiked(samples.bytes, i, threshold) / kMiB;
        const double step = std::fabs(mib - before);
        if (i > 0 && step > kMinStep && step < smallest_step) smallest_step = step;
        before = mib;
        builder.add(i, mib);
    }
    builder.finish();
    bins.smallest_step = std::isinf(smallest_step) ? 0 : smallest_step;
    return bins;
}

}  // namespace leakline::analysis::trend
