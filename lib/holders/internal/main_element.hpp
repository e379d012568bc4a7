// Which one of many objects keeps nearly all that they have, if one does: there the path to the data goes on.
//
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <optional>

#include "holders/internal/object_members.hpp"

namespace leakline::holders {

inline constexpr double kNearlyAll = 0.9;

struct MainElement {
    Group group;                         // that object alone
    std::optional<std::uint64_t> place;  // its number, where the objects are an array
};

// share: with several elements.
std::optional<MainElement> main_element(const Heap& heap, const Share& share);

}  // namespace leakline::holders
