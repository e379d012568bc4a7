// Collects the samples of one process into a Series: strictly increasing time, bounded memory, damage counted.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/series.hpp"

namespace leakline::memory {

struct RawSample {
    double seconds = 0;  // since any origin
    double bytes = 0;
    std::optional<double> requests;  // cumulative
};

// Memory is bounded by max_points samples. When they are full, one of each two is kept, picked at random, and of what
// follows one of each two, four, eight, ... (stratified sampling): this preserves medians and quantiles of bins of thousands of
// samples, and avoids the aliasing of cycles that keeping every n-th sample would cause. The first and the
// last sample are always kept. Seeded: the same input gives the same series.
class SeriesBuilder {
  public:
    static constexpr std::size_t kMaxPoints = std::size_t{1} << 22;  // 64 MB, 96 with requests

    explicit SeriesBuilder(std::size_t max_points = kMaxPoints) : max_points_(max_points) {}

    enum class Outcome { taken, not_a_number, negative, duplicate_time, backwards };
    // All results but taken leave the series unchanged.
    Outcome add(const RawSample& sample);

    std::uint64_t taken() const { return taken_; }  // thinned out or not
    std::uint64_t group() const { return group_; }  // one of this many samples is kept; 1: all
    double first_seconds() const { return origin_; }
    double last_seconds() const { return last_.seconds; }
    // The series with seconds since its first sample; the builder is empty afterwards.
    Series take(std::string name);

  private:
    void keep(const RawSample& sample);
    void thin();
    std::uint64_t random();

    std::size_t max_points_;
    Series series_;
    double origin_ = 0;
    RawSample last_;
    bool last_kept_ = false;
    std::uint64_t taken_ = 0, group_ = 1, in_group_ = 0, pick_ = 0;
    std::uint64_t random_state_ = 0x9E3779B97F4A7C15u;
};

}  // namespace leakline::memory
