// What the test program has asked of the allocator and not given back, exactly: its operator new counts.
#pragma once

#include <cstddef>

namespace leakline::test {

// Of this thread.
std::size_t live_bytes();

}  // namespace leakline::test
