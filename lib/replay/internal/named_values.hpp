// The pairs of "a=1; b=2" and "a=1&b=2". Pure, safe from any thread.
#pragma once

#include <algorithm>
#include <string_view>

#include "base/strings.hpp"

namespace leakline::replay {

// Calls use(value) for each pair NAME=value, as long as it returns true.
template <class Use>
void for_each_value(std::string_view list, char separator, std::string_view name, const Use& use) {
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(separator), list.size());
        const std::string_view pair = trim(list.substr(0, end));
        if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=' && !use(pair.substr(name.size() + 1))) return;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
}

}  // namespace leakline::replay
