// The smallest part of a log that still makes a service leak, and the trials that found it. Plain data, made by
// diagnose/minimize.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/diagnosis.hpp"

namespace leakline {

// The unit of growth rates.
enum class LeakUnit { bytes_per_request, bytes_per_connection, count_per_request };
std::string_view leak_unit_name(LeakUnit unit);  // "bytes_per_request", ...
// "50 B per request", "8 KiB per connection", "50 per 1,000 requests".
std::string leak_rate_text(double rate, LeakUnit unit);

struct Minimized {
    // Requests of one method and path, with * for identifiers: "GET /users/*".
    struct Kind {
        std::string name;
        std::uint64_t requests = 0;  // in the log
    };
    // Of the requests of one kind, those where a parameter, header or field has one of these values; "": absent.
    struct Condition {
        std::string facet;  // "?lang", "x-tenant:", ".type"
        std::set<std::string> values;
    };
    // A kind in the smallest part: its requests that meet all conditions, without these fields of their bodies.
    struct PartKind {
        Kind kind;
        std::vector<Condition> conditions;
        std::set<std::string> without;
    };
    // One trial: does this part leak?
    struct Trial {
        std::string part;  // in words
        std::size_t kinds = 0;
        std::uint64_t requests = 0;  // in the part of the log
        std::uint64_t sent = 0;
        Verdict verdict = Verdict::inconclusive;  // leak, no_leak or inconclusive; invalid: the run did not measure
        std::string reason;
        bool smaller_leak = false;   // no_leak because it grew by much less per request than the whole log
        std::optional<double> rate;  // if it grew, in the unit of Minimized::unit
        double seconds = 0;
    };
    enum class Diagnosed { nothing, log, part };

    // leak: the part leaks. no_leak, inconclusive, invalid: the verdict of the whole log's run; nothing was searched.
    Verdict verdict = Verdict::inconclusive;
    bool complete = false;  // the search is complete: nothing more can be removed
    bool by_time = false;   // it leaks, but growth follows only time: no request causes it, nothing was searched, and part is empty
    std::vector<Kind> log;
    std::vector<PartKind> part;  // the whole log if nothing smaller leaked
    std::string text;            // part, in words
    std::uint64_t requests = 0;  // in it
    std::vector<Trial> trials;
    LeakUnit unit = LeakUnit::bytes_per_request;  // of the trials' rates
    std::optional<Verdict> rest;                  // of the log without the part: leak means that there is another cause
    std::vector<std::string> notes;
    // Of the part if it was diagnosed again at the end, else of the whole log; nothing if even that was not completed.
    Diagnosed diagnosed = Diagnosed::nothing;
    Diagnosis diagnosis;
};

}  // namespace leakline
