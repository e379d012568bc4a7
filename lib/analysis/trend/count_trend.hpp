// Does a sampled count grow without end? Pure, safe from any thread.
#pragma once

#include "model/resources.hpp"

namespace leakline::analysis {

// By the trend of memory (see trend.hpp), whose scales are those of pages and arenas: a count is taken for 64 KiB, so that growth
// of less than four in the whole series is not called growth, and rounding to whole counts is noise. Rates and reasons are in
// counts again. Requests, where the series has them, give the rate per request.
ResourceGrowth judge_count_trend(Resource resource, const Series& counts);

}  // namespace leakline::analysis
