// The result of a whole run: everything that any report shows. Plain data; diagnosis.json is its file form.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "model/lines.hpp"
#include "model/request.hpp"
#include "model/series.hpp"

namespace leakline {

enum class Verdict { leak, no_leak, inconclusive, invalid };
std::string_view verdict_name(Verdict verdict);  // "leak", "no_leak", ...

// A stretch of replayed traffic between two quiet marks.
struct Round {
    double begin_s = 0, end_s = 0;  // since the start of the run; end_s is the quiet mark
    std::uint64_t requests = 0;     // completed in this round
};

// One thing that a CI system asked of the run besides the verdict: a growth budget, a baseline.
struct Gate {
    enum class Outcome { passed, failed, inconclusive };
    std::string name;     // "growth at most 64 B/request"
    Outcome outcome = Outcome::passed;
    std::string message;  // what was found; empty where there is nothing to say
};
std::string_view outcome_name(Gate::Outcome outcome);  // "passed", "failed", "inconclusive"

struct Diagnosis {
    static constexpr int kSchema = 1;

    std::string command;                // of the target
    std::string target;                 // URL
    std::string traffic;                // the log's name
    std::string started;                // ISO 8601, UTC
    Series series;                      // memory of the bare run, with cumulative requests
    std::string metric = "rss";         // what series measures
    std::vector<Round> rounds;          // of the bare run
    TrendVerdict trend;
    LineReport lines;                   // of the recorded run
    ReplayStats replay;                 // of the bare run
    std::optional<Bytes> memory_limit;
    std::optional<Growth> max_growth;
    std::optional<double> requests_per_second;  // the log's own rate, which time to limit is stated at
    std::vector<Gate> gates;
    // Growth per request times that rate: what production would see. (The trend's own slope is that of the run, which
    // is usually much faster.) Nothing where either is unknown.
    std::optional<Interval> projected_bytes_per_hour;
    Verdict verdict = Verdict::inconclusive;
    std::vector<std::string> reasons;   // never empty; the first is the decisive one
    std::vector<std::string> warnings;
};

}  // namespace leakline
