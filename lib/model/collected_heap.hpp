// The live objects of a collected heap, counted by the runtime itself: what memory as a whole does not show, as a runtime commits
// memory long before it needs it. Plain data.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/series.hpp"

namespace leakline {

struct CollectedHeap {
    // One class of objects.
    struct Class {
        std::string name;  // as a programmer writes it: "byte[]", "java.util.HashMap$Node"
        double growth_bytes = 0, growth_objects = 0;
    };
    std::string runtime;  // "java"
    // After a full collection, in the quiet time after each of these rounds; the first is where they begin.
    std::vector<double> mark_seconds, mark_requests, live_bytes;
    std::vector<double> memory_bytes;  // of the service as a whole, at the same moments

    Trend verdict = Trend::inconclusive;
    double growth_bytes = 0;                             // from the first mark to the last
    std::optional<Interval> bytes_per_request;           // 95 %
    std::optional<double> detectable_bytes_per_request;  // the smallest growth that would be found 9 times out of 10
    std::vector<Class> classes;                          // that grew, largest growth first, at most eight
    // The same of memory_bytes: what the runtime has given back by then does not count.
    Trend memory_verdict = Trend::inconclusive;
    std::optional<Interval> memory_bytes_per_request;
    std::optional<double> memory_detectable_bytes_per_request;
};

}  // namespace leakline
