// Judges whether a series keeps growing. Pure: no clock, no file.
#pragma once

#include "base/quantities.hpp"
#include "model/series.hpp"

namespace leakline::analysis {

struct TrendOptions {
    std::optional<Bytes> limit;         // for time to limit
    double minimum_bytes_per_hour = 0;  // slower growth than this is not called growth
    // Growth in less than five minutes is growth even where a warm-up looks the same.
    bool however_short = false;
};

// Any series is accepted: too short, flat, constant. Cost is O(n); memory beside the series is O(1).
TrendVerdict judge_trend(const Series& series, const TrendOptions& options = {});

}  // namespace leakline::analysis
