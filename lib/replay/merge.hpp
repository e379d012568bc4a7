// Adds the results of replays that ran side by side, such as the shards of one log on several machines.
//
// Thread-safety: a free function, safe from any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/request.hpp"

namespace leakline::replay {

struct NamedStats {
    std::string name;  // for reasons, warnings and messages: the file's
    ReplayStats stats;
};

// Counts and rates are added, histograms bucket by bucket, so that the percentiles are those of one replay of all; the duration is the
// longest. The sum is valid if all are; reasons and warnings keep the name of theirs.
// Throws Error{input} for counts that do not add up and for latencies without a histogram.
ReplayStats merge(const std::vector<NamedStats>& parts);

}  // namespace leakline::replay
