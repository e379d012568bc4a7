// The strategy of a minimization: which part of a log to test next. Reads the logs, but starts no service.
//
// First kinds of requests, by delta debugging; then fields of bodies; then the values of parameters, headers and fields, by
// halving. What was necessary when it was tried may be unnecessary at the end (of two parameters that mostly
// occur together, the one that was tried first seems to matter), so then each condition that describes the part is left out
// once more, where that has not been tried with the rest as it is, until none can be.
//
// Thread-safety: none needed. Inside lib/diagnose only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "diagnose/internal/delta_debugging.hpp"
#include "diagnose/internal/request_kinds.hpp"

namespace leakline::diagnose {

// The tests of the search. Results of the same part are cached.
struct PartTests {
    std::function<TestResult(const Part&)> ask;      // does this part leak?
    std::function<TestResult(const Part&)> confirm;  // the same, before something is left out because of it
    std::function<void(const Part&)> keep;           // this is the smallest found so far
    std::function<void(int more)> expect;            // about this many tests may follow
};

struct FoundPart {
    Part part;
    bool complete = false;           // nothing more can be left out; false: it was stopped
    std::vector<std::string> notes;  // conditions that may be unnecessary
};

enum class SearchDepth {
    kinds,   // method and path alone
    values,  // parameters, headers and bodies too
};

// whole: is known to leak.
FoundPart search_part(const RequestKinds& kinds, Part whole, SearchDepth depth, const PartTests& tests);

// The approximate number of tests that delta debugging takes for this many elements, if one is the cause.
int expected_tests(std::size_t elements);

}  // namespace leakline::diagnose
