// Sizes of Python's objects, with the memory that belongs to each alone, as sys.getsizeof gives them.
#pragma once

#include <cstdint>

#include "agent/internal/python_graph.hpp"

namespace leakline::agent::python {

// Without the memory of native extensions.
std::uint64_t size_of_object(const void* object);

}  // namespace leakline::agent::python
