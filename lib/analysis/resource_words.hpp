// Texts about counts and their rates. Pure.
#pragma once

#include <string>
#include <string_view>

#include "model/resources.hpp"
#include "model/words.hpp"

namespace leakline::analysis {

// The appropriate rate: per hour if it follows time or requests are unknown.
std::string rate_words(const ResourceGrowth& growth);
// The decisive sentence about it, by its verdict. more: what would decide where nothing can be said: "more rounds (--rounds)".
std::string resource_reason(const ResourceGrowth& growth, std::string_view more);
// The same of a run with too few marks for any verdict.
std::string too_few_marks_reason(const ResourceGrowth& growth, std::string_view more);
// The same of IPC objects: ones that also grew without requests, ones of which a pause of idle_s would not have shown it, and files.
std::string of_others_reason(const ResourceGrowth& growth);
std::string short_pause_reason(const ResourceGrowth& growth, double idle_s);
std::string cache_of_files_reason(const ResourceGrowth& growth);
// The kinds that carry the growth: "file /tmp/a-* (+120), pipe (+40)"; empty where nothing grew.
std::string growing_kinds_words(const ResourceGrowth& growth);

}  // namespace leakline::analysis
