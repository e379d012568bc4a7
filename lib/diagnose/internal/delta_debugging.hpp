// Delta debugging with a test that may be undecided (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing
// Input", 2002, algorithm ddmin): the smallest part of a set that still fails, smallest in the sense that no
// single element can be left out. Pure but for the test.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace leakline::diagnose {

enum class TestResult {
    fail,        // the fault occurs
    pass,        // it does not occur
    unresolved,  // undecided: treated as pass, so that nothing is removed on a guess
    stop,        // no more tests: keep the result so far
};

struct Minimum {
    std::vector<std::size_t> elements;  // ascending
    bool stopped = false;
};

// all: ascending, and known to fail. test is called with parts of it (ascending, never empty), possibly with
// the same part twice: it should cache results.
Minimum minimize(std::vector<std::size_t> all, const std::function<TestResult(const std::vector<std::size_t>&)>& test);

}  // namespace leakline::diagnose
