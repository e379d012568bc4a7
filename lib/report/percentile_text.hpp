// Latencies as HdrHistogram's plotter reads them. Pure.
#pragma once

#include <string>

#include "model/latency_distribution.hpp"

namespace leakline::report {

// "Value Percentile TotalCount 1/(1-Percentile)", values in microseconds.
std::string percentile_text(const LatencyDistribution& latencies);

}  // namespace leakline::report
