// Asks the agent in a recorded process for the Python variables that hold its memory (agent::SearchState). Not thread-safe for one process.
#pragma once

#include <string>

#include "base/quantities.hpp"
#include "model/holders.hpp"

namespace leakline::heap {

// segment: path of the process's segment. False if the process has ended or runs no Python that the agent knows.
bool ask_for_holders(const std::string& segment, int pid, Nanoseconds since);
// Waits for the answer and adds it, or the reason why there is none. patience: until the process makes a copy of itself; the search in it may
// take longer.
void read_holders(const std::string& segment, int pid, Nanoseconds patience, PythonHolders& found);

}  // namespace leakline::heap
