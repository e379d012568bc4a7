// The smallest part of a log that still makes a service leak: delta debugging over kinds of requests, then over the
// values of query parameters and headers. Each question is a bare run of a diagnosis on a fresh start of the service.
//
// Memory is noisy, so an answer may be wrong. A part takes the place of a larger one only when it has leaked twice in a
// row; a run that cannot tell is repeated, with twice the rounds, before it counts as "unknown". What is wrongly taken
// for sound leaves a part too large, never one that does not leak.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "diagnose/diagnose.hpp"
#include "diagnose/request_kinds.hpp"

namespace leakline::diagnose {

struct MinimizeOptions {
    Options run;           // its traffic is the log to minimise
    int most_trials = 200; // runs of the service at most
    int repeats = 1;       // of a run that cannot tell, each with twice the rounds of the one before
    bool values = true;    // look at query parameters and headers too
};

// One run of the service.
struct Trial {
    std::string part;  // in words
    std::size_t kinds = 0;
    std::uint64_t requests = 0;  // in the part of the log
    std::uint64_t sent = 0;
    Verdict verdict = Verdict::inconclusive;  // leak, no_leak or inconclusive; invalid: the run did not measure
    std::string reason;
    double bytes_per_request = 0;  // where memory grew
    double seconds = 0;
};

struct Minimized {
    std::vector<std::string> kinds;  // all of the log, with how many requests each has
    std::vector<std::uint64_t> counts;
    Part part;                       // the smallest found; the whole log where nothing smaller leaked
    std::string text;                // part, in words
    std::uint64_t requests = 0;      // in it
    std::vector<Trial> trials;
    // leak: the part leaks. no_leak, inconclusive, invalid: what the whole log's run said, and nothing was searched.
    Verdict verdict = Verdict::inconclusive;
    bool complete = false;           // the search came to its end: nothing more can be left out
    std::optional<Verdict> rest;     // of the log without the part: leak means that there is another cause
    std::vector<std::string> notes;
};

struct MinimizeObserver {
    std::function<void(int number, const std::string& part)> begin;  // of a trial; number from 1
    std::function<void(double fraction, const std::string& text)> progress;
    std::function<void(const Trial&)> end;
};

// best_log: a path at which the smallest leaking part found so far always stands, whole; "" = none. An interruption ends
// the search, and the best so far is the result. Throws Error as diagnose does where the first run cannot begin.
Minimized minimize(const MinimizeOptions& options, const std::string& best_log, const MinimizeObserver& observer = {});

// What was found and what was tried.
std::string minimized_text(const Minimized& result);
std::string minimized_json(const Minimized& result);

}  // namespace leakline::diagnose
