// The result of a whole run: the content of all reports. Plain data; diagnosis.json is its file form.
#pragma once

#include "model/conclusion.hpp"
#include "model/evidence.hpp"

namespace leakline {

struct Diagnosis : Evidence, Conclusion {
    static constexpr int kSchema = 1;
};

// Of the evidence, of the conclusion, of its lines and of its replay.
std::vector<std::string> all_warnings(const Diagnosis& diagnosis);

// The line that the verdict names: the headline line, else the largest that leaks. Null if none leaks, if they account for
// too little of memory's growth to be named, or if the verdict is invalid.
const LineGrowth* reported_line(const Diagnosis& diagnosis);
// It passed because the growth is within the budget, not because nothing grows.
bool grows_within_budget(const Diagnosis& diagnosis);
// The verdict is a leak of descriptors, threads, mappings, processes or IPC objects, and memory does not leak.
bool only_resources_leak(const Diagnosis& diagnosis);

// Growth per request as the verdict states it; nothing if it was not measured or there is none.
std::optional<Interval> stated_per_request(const Diagnosis& diagnosis);

}  // namespace leakline
