#include "report/percentile_text.hpp"

#include <fmt/format.h>

namespace leakline::report {

std::string percentile_text(const LatencyDistribution& latencies) {
    std::string out = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n";
    for (const LatencyDistribution::Row& row : latencies.rows) {
        out += fmt::format("{:12.3f} {:2.12f} {:10}", row.value_us, row.share, row.count);
        out += row.share < 1 ? fmt::format(" {:14.2f}\n", 1 / (1 - row.share)) : "\n";
    }
    out += fmt::format("#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n", latencies.mean_us, latencies.deviation_us);
    out += fmt::format("#[Max     = {:12.3f}, Total count    = {:12}]\n", latencies.max_us, latencies.total);
    return out + fmt::format("#[Buckets = {:12}, SubBuckets     = {:12}]\n", latencies.buckets, latencies.sub_buckets);
}

}  // namespace leakline::report
