// Do the live objects of a collected heap grow? Pure, safe from any thread.
#pragma once

#include "model/collected_heap.hpp"

namespace leakline::analysis {

// Fills in all but runtime, marks and classes. Growth is judged as that of counts is (see resources.hpp): an exact test of whether it
// rises at every mark, over groups of marks for what grows rarely. Live objects are counted to the byte; what fluctuates are buffers
// and caches of the runtime, so growth must be larger than those of a service that still warms up as well.
void judge_collected_heap(CollectedHeap& heap);

}  // namespace leakline::analysis
