// By what the leak of a whole log is known again in a run of a part of it.
//
// By the lines whose live heap bytes leak, where those account for what memory grew by: they are counted exactly, and a
// part that leaks elsewhere (a POST whose DELETE was left out) shows another leak. Else by memory as a whole. Either way a
// part that holds the cause grows by at least as much a request as the whole log does, since it has fewer requests that
// do nothing; one that grows by much less shows another, smaller leak.
//
// Thread-safety: none needed after construction.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "model/diagnosis.hpp"

namespace leakline::diagnose {

class LeakWitness {
  public:
    // Of a run that leaks.
    explicit LeakWitness(const Diagnosis& whole);

    bool by_lines() const { return !lines_.empty(); }
    // Some of it may follow time: a part has to be watched without requests too, to tell that growth from its own.
    bool partly_by_time() const { return partly_by_time_; }
    const Interval& bytes_per_request() const { return rate_; }

    enum class Size { as_large, any };
    struct Judgement {
        Verdict verdict = Verdict::inconclusive;  // leak, no_leak or inconclusive
        std::optional<Interval> bytes_per_request;
        std::string reason;  // empty: nothing grew
        bool smaller = false;  // no_leak, since what leaks is another, smaller leak
    };
    // Whether what the run of a part shows is this leak. Reads lines, or trend.
    Judgement judge(const Diagnosis& part, Size size) const;

  private:
    Judgement judge_lines(const LineReport& part, Size size) const;
    Judgement judge_memory(const TrendVerdict& trend, Size size) const;
    bool is_smaller(const Interval& rate) const;

    std::set<CodeLine> lines_;  // empty: memory tells
    bool partly_by_time_ = false;
    Interval rate_;             // of the whole log
};

}  // namespace leakline::diagnose
