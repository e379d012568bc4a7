// Judges whether a sampled count keeps growing. Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/resources.hpp"

namespace leakline::analysis {

// By the trend of memory (see trend.hpp), whose scales are those of pages and arenas: a count is taken for 64 KiB, so that growth
// of less than four in the whole series is not called growth, and rounding to whole counts is noise. Rates and reasons are in
// counts again. Requests, where the series has them, give the rate per request. Where the limit is known, a count that grows gets
// the time until it is reached from the newest sample on, at the pace of the series. limit_name: where it is known from.
ResourceGrowth judge_count_trend(Resource resource, const Series& counts, std::optional<std::uint64_t> limit = {},
                                 std::string limit_name = {});

}  // namespace leakline::analysis
