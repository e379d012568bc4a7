// From millions of samples to at most 240 bins of equal time, in O(n): what the rest of the verdict works on.
//
// Everything inside analysis::trend is in MiB, seconds and positions 0..1; Series is in bytes. Pure functions.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "model/series.hpp"

namespace leakline::analysis::trend {

// A segment of one process's samples, as views into a Series (which must outlive it).
struct Samples {
    std::span<const double> seconds;
    std::span<const double> bytes;
    std::span<const double> requests;  // empty where unknown

    std::size_t size() const { return seconds.size(); }
    double duration() const { return seconds.empty() ? 0 : seconds.back() - seconds.front(); }
    double requests_made() const { return requests.empty() ? 0 : requests.back() - requests.front(); }
    Samples from(std::size_t first) const;  // without the samples before first
};
Samples all_samples(const Series& series);
// Without the end in which hardly any requests came (the last fiftieth of all); all of them where requests are unknown.
Samples before_idle_end(const Samples& samples);
// The index of the first sample at or after seconds.
std::size_t first_at(const Samples& samples, double seconds);

struct Bins {
    double duration_s = 0;
    std::vector<double> x;          // mean time of each bin's samples, 0..1 of the duration
    std::vector<double> middle;     // median, MiB
    std::vector<double> low, high;  // 10 % and 90 % quantiles, MiB
    std::vector<double> requests;   // mean of those made since the first sample; empty where unknown
    double smallest_step = 0;       // least non-zero difference of neighboring samples, MiB; 0 where there is none

    std::size_t size() const { return x.size(); }
};

// Despikes (a sample that sticks out of its neighbors by more than the usual change becomes their median) and bins.
// Empty bins do not appear; up to kBins samples stay what they are. Needs duration() > 0.
Bins bin_samples(const Samples& samples);

}  // namespace leakline::analysis::trend
