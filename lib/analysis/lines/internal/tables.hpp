// The inclusive view: a function line by line. Pure, safe from any thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "analysis/lines/internal/attribution.hpp"
#include "model/heap.hpp"
#include "model/lines.hpp"

namespace leakline::analysis {

// The change of a trace within the window.
struct TraceGrowth {
    std::int64_t bytes = 0, blocks = 0;  // live at the end less live at the start
    std::uint64_t allocations = 0, allocated_bytes = 0;

    TraceGrowth& operator+=(const TraceGrowth& other);
};

// A function to make a table of: all whose name it is, in this file (any file where empty).
struct TableRequest {
    std::string function;    // bare, qualified or full
    std::string file;        // as CodeLine::file has it
    std::uint32_t line = 0;  // a line that the table must hold; 0: any
};

// One table per function: overloads are distinguished by their lines, instantiations of a template are put
// together, and code of lambdas belongs to the function around them. growth is indexed by trace - 1.
// usage_bytes of a row is base_bytes plus the growth of all traces through this line and the lines above it,
// each trace counted once. Empty where no trace of the recording passes through such a function.
std::vector<LineTable> tables_of(const HeapProfile& profile, const TableRequest& request, std::span<const TraceGrowth> growth,
                                 double base_bytes);

}  // namespace leakline::analysis
