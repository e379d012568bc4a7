// Latencies by percentile, as HdrHistogram's plotter reads them. Plain data, made by replay/histogram.
#pragma once

#include <cstdint>
#include <vector>

namespace leakline {

struct LatencyDistribution {
    struct Row {
        double value_us = 0;
        double share = 0;         // share of all latencies that are at most this value: 0 to 1
        std::uint64_t count = 0;  // of these
    };
    std::vector<Row> rows;  // the last of all
    double mean_us = 0, deviation_us = 0, max_us = 0;
    std::uint64_t total = 0;
    int buckets = 0, sub_buckets = 0;  // of the histogram: its precision
};

}  // namespace leakline
