// What nothing leads to: blocks whose last pointer is gone, and rings of objects that keep each other.
//
// Thread-safety: functions without state; DebugInfo from one thread.
#pragma once

#include <vector>

#include "holders/internal/object_members.hpp"
#include "model/holders.hpp"

namespace leakline::holders {

// By class or size of what comes first: the blocks that no other lost one leads to, and rings. Each counts what only it leads to, too.
// Largest first, at most `most`.
std::vector<LostKind> lost_kinds(const Heap& heap, std::size_t most);

}  // namespace leakline::holders
