// The callers of a line, and how much of its growth comes through each of them. Pure, safe from any thread.
#pragma once

#include <span>
#include <vector>

#include "analysis/lines/internal/attribution.hpp"
#include "analysis/lines/internal/tables.hpp"
#include "model/heap.hpp"
#include "model/lines.hpp"

namespace leakline::analysis {

// The callers of each wanted site, largest growth first; branches below 1 % of the site's growth are left
// out. Result indexed as sites; empty for sites that are not wanted. growth is indexed by trace - 1.
std::vector<std::vector<CallerNode>> callers_of(const HeapProfile& profile, const TraceAttribution& attribution,
                                                const std::vector<bool>& wanted, std::span<const TraceGrowth> growth);

}  // namespace leakline::analysis
