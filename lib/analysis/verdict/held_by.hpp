// Whether one variable holds what the lines leak: compares the growth of both between the same two moments of a run.
// Pure functions, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/holders.hpp"
#include "model/lines.hpp"

namespace leakline::analysis {

// Growth of all lines that leak.
struct LeakedMemory {
    double bytes = 0;  // as requested
    double blocks = 0;
};

// Between two times since the start of the recording. If its window begins later, growth before that is assumed to be as fast.
LeakedMemory leaked_between(const LineReport& lines, double begin_s, double end_s);

// growth: by holders::growth_between, of the same time. The holder whose growth is at least half of what leaked and no more than twice as
// much; or what was lost, if that is. Nothing if there is none, or several: a cache that fills up meanwhile can grow by as much.
std::optional<HeldBy> what_holds(const HolderReport& growth, const LeakedMemory& leaked);

// The Python variable that holds at least half of what was allocated through the line since the search's time; or what was lost in cycles, if
// that is as much.
std::optional<HeldBy> what_holds(const PythonHolders& found, const CodeLine& line);

// The same where no line is known to leak: of all that was allocated since then, and of the growth of the live heap.
std::optional<HeldBy> what_holds_most(const PythonHolders& found, double grown_bytes);

// Those whose growth is more than chance (95 %) and a hundredth of all at least, largest first.
std::vector<ObjectType> grown_types(std::vector<ObjectType> types);

}  // namespace leakline::analysis
