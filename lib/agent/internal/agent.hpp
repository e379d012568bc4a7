// The functions that the hooks call to record a block, and the process-wide filter. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/internal/address_filter.hpp"
#include "agent/internal/sample_table.hpp"

namespace leakline::agent {

extern AddressFilter address_filter __attribute__((visibility("hidden")));

// Called when the bytes to the next sample are used up. Returns whether to sample this block, and draws the next distance.
bool choose(std::size_t size);
// Records a chosen block. frame: the frame of the hook, with the caller's frame pointer in [0] and the return address in [1].
void record(void* block, std::size_t size, const void* frame);
// Removes the sample of a block that is about to be freed. True if it was sampled: `was` is then its sample.
bool forget(void* block, SampledBlock& was);
// Puts the sample back after a failed realloc.
void remember(const SampledBlock& was);

// argument_count, arguments: as main gets them.
void start(int argument_count, char** arguments);
// Called before the program enters a seccomp sandbox: the agent requests its last memory now.
void sandbox_begins();
// Called before and after code is unloaded.
void code_unloads();
void code_unloaded();

}  // namespace leakline::agent
