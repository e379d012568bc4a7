// Judges whether descriptors, threads, mappings, processes or IPC objects leak. Pure, safe from any thread.
#pragma once

#include <span>
#include <string_view>

#include "model/resources.hpp"

namespace leakline::analysis {

// Whether a count grows in every round to the end.
struct CountJudgment {
    bool grows = false;
    double p_value = 1;  // that a level which only fluctuates would look like this
};

// x: requests or seconds at the marks, strictly increasing; counts there, of x's length.
//
// Counts are small whole numbers: the trend's scales, which are pages and arenas, do not fit them. The test is exact: a level
// that fluctuates without growing takes any order of its values equally often, so that it rises strictly over n marks has the
// probability 1/n! (ties make it less). Rounds are put together in twos, threes, ... as long as four groups remain, for a leak
// that is rarer than a round; p is corrected for the number of groupings. A count that slows down towards the end is filling, not leaking:
// that is judged as for lines (see lines/growth.hpp).
//
// level: p above it is chance. Fewer than six marks cannot get below 0.0025 (5 rises: 1/6! = 0.0014; 4 rises: 1/5! = 0.0083).
inline constexpr double kCountLevel = 0.01 / kResourceCount;
CountJudgment judge_count(std::span<const double> x, std::span<const double> counts, double level = kCountLevel);

struct ResourceOptions {
    std::size_t first_mark = 1;                 // what came before is warm-up
    std::optional<double> requests_per_second;  // the log's own rate, for the time to a limit
    // The run was long enough for a pool to fill: what grew by less than a large pool is a leak only then.
    bool extended = false;
    std::string_view more = "more rounds (--rounds)";  // what would decide where these marks do not
    int runs = 1;                                      // that are judged, any of which decides: they share the level
    double time_scale = 1;                             // how many times faster than ours the service's own clock ran
};

// Whether a run of so many rounds (planned: asked for at first) gave a pool the time to fill: twice the rounds that a run has at
// least, or that it was planned to have.
bool is_extended_run(std::size_t rounds, int planned);

// Fills in all but at_marks, limits, exhausted and idle_growth of each count, and keeps the eight kinds that grew most.
void judge_resources(Resources& resources, const ResourceOptions& options);

// Why more rounds might change it; nothing where they would not. After judge_resources.
std::optional<std::string> resources_undecided(const Resources& resources);

// The part of the processor time under traffic that was not the first process's, which is the only one that the heap recorder
// sees: 0..1.
double unrecorded_share(const ProcessTree& tree);
// From here on the first process is a launcher or a master, and its lines would say nothing.
inline constexpr double kOnlyLaunches = 0.9;

}  // namespace leakline::analysis
