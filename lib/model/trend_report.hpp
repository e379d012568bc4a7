// What `leakline trend` shows. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/resources.hpp"
#include "model/series.hpp"

namespace leakline {

// Several series, each with its verdict: what `leakline trend` shows.
struct TrendReport {
    struct Item {
        std::string file;
        Series series;
        TrendVerdict verdict;
        std::uint64_t judged_samples = 0;  // if series was thinned for drawing; 0: it was not

        std::uint64_t samples() const { return judged_samples != 0 ? judged_samples : series.size(); }
    };
    // A count sampled together with memory: descriptors, threads, mappings or processes.
    struct Count {
        std::string file;
        ResourceGrowth growth;
    };
    std::vector<Item> items;
    std::vector<std::string> warnings;
    std::vector<Count> counts;
};

}  // namespace leakline
