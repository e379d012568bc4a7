// Names what holds blocks: from a root down the members of its type to the container.
//
// Thread-safety: functions without state; DebugInfo from one thread.
#pragma once

#include <stop_token>
#include <vector>

#include "holders/internal/graph.hpp"
#include "holders/internal/object_members.hpp"
#include "holders/internal/root_names.hpp"
#include "holders/internal/roots.hpp"
#include "model/holders.hpp"

namespace leakline::holders {

// most: roots that are looked into, those with most bytes. Largest first.
std::vector<Holder> describe_roots(const Heap& heap, const Roots& roots, const std::vector<NamedRoot>& named, std::size_t most,
                                   const std::stop_token& stop);

}  // namespace leakline::holders
