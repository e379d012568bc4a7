// Jumps to the agent in the code of a process that runs, while all of its threads stand still.
#pragma once

#include <cstdint>

#include "agent/attach_request.hpp"

namespace leakline::heap {

// Puts the jumps in place that the agent asks for, and answers it. variable: where its status is in the process; status: a copy of it. All
// threads are stopped for some milliseconds; where one of them is about to execute a word that changes, again a little later. Gives up
// where the code is not as expected, or threads cannot be stopped, and answers that. To be called by a thread that ends soon
// (system/stopped_process.hpp). Never throws.
void write_entry_patches(int pid, std::uint64_t variable, const agent::AttachStatus& status);

}  // namespace leakline::heap
