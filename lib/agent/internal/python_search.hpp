// The parts of a search in a copy of the process, of which there is one at a time.
#pragma once

#include <cstdint>

#include "agent/internal/python_graph.hpp"
#include "agent/internal/segment_view.hpp"

namespace leakline::agent::python {

extern Graph graph __attribute__((visibility("hidden")));

// python_paths.cpp: how a node is reached, in words.
bool is_container(const void* object);
bool is_namespace(std::uint32_t node);  // its parts have names
// A holder with its variable and path. with_attributes: names of attributes may need memory of the program's allocator.
void put_holder(std::uint32_t node, bool with_attributes);

// python_holders.cpp: which nodes hold the samples. all_sampled: the process has been recorded since its start. False: there is no memory.
bool find_holders(const SegmentView& segment, bool all_sampled);
void write_answer(bool with_attributes);

}  // namespace leakline::agent::python
