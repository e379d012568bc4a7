// The smallest part of a log that still makes a service leak: delta debugging over kinds of requests, then over the
// fields of their bodies, then over the values of parameters, headers and fields. Each question starts the service
// anew.
//
// The whole log is diagnosed first; a part counts as leaking when it shows the same leak again (see leak_signature.hpp).
// Where that is counted (bytes of lines, descriptors, threads ...), one run says so. A leak that follows time alone has no smallest
// part: no request causes it. Memory as a whole is noisy: there a part takes the place of a larger
// one only when it has leaked twice in a row. A run that cannot tell is repeated, with twice the rounds, before it counts
// as "unknown". What is wrongly taken for sound leaves a part too large, never one that does not leak. At the end the
// smallest part is diagnosed as a whole log is.
//
// At the end each thing that the part names is left out once more (see part_search.hpp), so that nothing is named that adds
// nothing.
//
// That a part does not leak says nothing about what is left when still more is taken away (a DELETE may free what a POST
// leaks), so the search asks about each part itself.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "diagnose/diagnose.hpp"
#include "diagnose/leak_signature.hpp"
#include "diagnose/request_kinds.hpp"

namespace leakline::diagnose {

struct MinimizeOptions {
    Options run;                       // its traffic is the log to minimise
    int most_trials = 200;             // runs of the service at most
    int repeats = 1;                   // of a run that cannot tell, each with twice the rounds of the one before
    bool values = true;                // look at parameters, headers and bodies too
    std::vector<std::string> without;  // kinds ("GET /search") that are left out of the log: what was found before
};

// One question.
struct Trial {
    std::string part;  // in words
    std::size_t kinds = 0;
    std::uint64_t requests = 0;  // in the part of the log
    std::uint64_t sent = 0;
    Verdict verdict = Verdict::inconclusive;  // leak, no_leak or inconclusive; invalid: the run did not measure
    std::string reason;
    bool smaller_leak = false;   // no_leak, since it grew by much less a request than the whole log
    std::optional<double> rate;  // where it grew, in the unit of Minimized::unit
    double seconds = 0;
};

struct Minimized {
    std::vector<std::string> kinds;  // all of the log, with how many requests each has
    std::vector<std::uint64_t> counts;
    Part part;                   // the smallest found; the whole log where nothing smaller leaked
    std::string text;            // part, in words
    std::uint64_t requests = 0;  // in it
    std::vector<Trial> trials;
    LeakUnit unit = LeakUnit::bytes_per_request;  // of the trials' rates
    bool by_time = false;  // it leaks, but by time alone: no request causes it, nothing was searched, and part is empty
    // leak: the part leaks. no_leak, inconclusive, invalid: what the whole log's run said, and nothing was searched.
    Verdict verdict = Verdict::inconclusive;
    bool complete = false;        // the search came to its end: nothing more can be left out
    std::optional<Verdict> rest;  // of the log without the part: leak means that there is another cause
    std::vector<std::string> notes;
    // Of the part where it was diagnosed again at the end, else of the whole log. Nothing: not even that came to its end.
    std::optional<Diagnosis> diagnosis;
    bool part_diagnosed = false;
};

struct MinimizeObserver {
    // A question begins: its number, from 1, about how many may follow, and the part in words.
    std::function<void(int number, int more, const std::string& part)> begin;
    std::function<void(double fraction, const std::string& text)> progress;  // of a question
    std::function<void(const Trial&)> end;
};

// best_log: a path at which the smallest leaking part found so far always stands, whole; "" = none. An interruption ends
// the search, and the best so far is the result. Throws Error{usage} for a kind to leave out that the log has not, and as
// diagnose does where the first run cannot begin.
Minimized minimize(const MinimizeOptions& options, const std::string& best_log, const MinimizeObserver& observer = {});

// What was found and what was tried. diagnosis: its own report, as text or JSON, to be shown with it; "" = none.
std::string minimized_text(const Minimized& result, const std::string& diagnosis = {});
std::string minimized_json(const Minimized& result, const std::string& diagnosis = {});

}  // namespace leakline::diagnose
