// Names of series that several columns name together. Pure functions, safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leakline::memory {

// The values of a key, joined by spaces, without control characters.
std::string shown_label(std::string_view key);

// For each key (values of the same columns, joined by SeriesCollector::kBetweenLabels) the fewest values that still distinguish it
// from the others: "web" of "web|0123456789ab|host", where no other is called web. Keys are distinct.
std::vector<std::string> shortest_labels(const std::vector<std::string>& keys);

}  // namespace leakline::memory
