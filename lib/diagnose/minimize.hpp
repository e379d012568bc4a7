// The smallest part of a log that still makes a service leak: delta debugging over kinds of requests, then over the
// fields of their bodies, then over the values of parameters, headers and fields. Each test restarts
// the service.
//
// The whole log is diagnosed first; a part counts as leaking when it shows the same leak again (see leak_signature.hpp).
// Where that is counted (bytes of lines, descriptors, threads ...), one run says so. A leak that follows time alone has no smallest
// part: no request causes it. Memory as a whole is noisy: there a part takes the place of a larger
// one only when it has leaked twice in a row. An undecided run is repeated, with twice the rounds, before it counts
// as "unresolved". A wrong "pass" leaves a part too large, never one that does not leak. At the end the
// smallest part is diagnosed as a whole log is.
//
// At the end each condition of the part is left out once more (see part_search.hpp), so that only necessary ones are
// reported.
//
// That a part does not leak says nothing about what is left when still more is taken away (a DELETE may free what a POST
// leaks), so the search asks about each part itself.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "diagnose/diagnose.hpp"
#include "model/minimized.hpp"

namespace leakline::diagnose {

struct MinimizeOptions {
    Options run;                       // its traffic is the log to minimize
    int most_trials = 200;             // runs of the service at most
    int repeats = 1;                   // of an undecided run, each with twice the rounds of the one before; 0: none is extended either
    bool values = true;                // look at parameters, headers and bodies too
    std::vector<std::string> without;  // kinds ("GET /search") that are left out of the log: what was found before
};

struct MinimizeObserver {
    // A test begins: its number, from 1, about how many may follow, and the part as text.
    std::function<void(int number, int more, const std::string& part)> begin;
    std::function<void(double fraction, const std::string& text)> progress;  // of a test
    std::function<void(const Minimized::Trial&)> end;
};

// best_log: a path that always holds the smallest leaking part found so far, complete; "" = none. options.run.stop() ends
// the search, and the best so far is the result. Throws Error{usage} for a kind to leave out that the log does not have, and as
// diagnose does where the first run cannot begin.
Minimized minimize(const MinimizeOptions& options, const std::string& best_log, const MinimizeObserver& observer = {});

}  // namespace leakline::diagnose
