// The lines that opened the descriptors which are open, and started the threads. Pure, safe from any thread.
#pragma once

#include <vector>

#include "analysis/lines/internal/attribution.hpp"
#include "analysis/lines/internal/history.hpp"
#include "analysis/lines/window.hpp"
#include "model/heap.hpp"
#include "model/lines.hpp"

namespace leakline::analysis {

// As LineReport::resource_lines.
std::vector<ResourceLine> resource_lines(const HeapProfile& profile, const Window& window, const Axes& axes,
                                         const TraceAttribution& attribution);

}  // namespace leakline::analysis
