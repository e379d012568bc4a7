// How the leak of a whole log is recognized in a run of a part of it.
//
//   lines        whose live heap bytes leak, where those account for what memory grew by: they are counted exactly, and a part that
//                leaks elsewhere (a POST whose DELETE was left out) shows another leak
//   connections  lines that leak per connection: parts are replayed with a few requests per connection
//   counts       the kind of a count: "pipe", "file /tmp/upload-*", "thread worker-*"
//   memory       as a whole, where nothing of the above leaks
//
// A part that holds the cause grows by at least as much per request as the whole log does, since it has fewer requests that do
// nothing; one that grows by much less shows another, smaller leak.
//
// Thread-safety: none needed after construction.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "model/minimized.hpp"

namespace leakline::diagnose {

class LeakSignature {
  public:
    enum class Kind { lines, connections, counts, memory };

    // Of a run that leaks.
    explicit LeakSignature(const Diagnosis& whole);

    Kind kind() const { return kind_; }
    // Whether a recorded run shows it; otherwise a bare one does.
    bool by_lines() const { return kind_ == Kind::lines || kind_ == Kind::connections; }
    // One run decides whether a part leaks, because it is counted. Memory as a whole is noisy.
    bool exact() const { return kind_ != Kind::memory; }
    // Some of it may follow time: a part must be watched without requests too, to separate that growth from its own.
    bool partly_by_time() const { return partly_by_time_; }
    // All of it follows time: no request causes it.
    bool by_time_alone() const { return by_time_alone_; }
    const Interval& rate() const { return rate_; }
    LeakUnit unit() const;
    // Other leaks of the whole log, which are not searched: "threads"; empty if there are none.
    const std::string& other_leaks() const { return other_leaks_; }

    enum class Size { as_large, any };
    struct Judgment {
        Verdict verdict = Verdict::inconclusive;  // leak, no_leak or inconclusive
        std::optional<Interval> rate;
        std::string reason;    // empty: nothing grew
        bool smaller = false;  // no_leak, since what leaks is another, smaller leak
    };
    // Whether the run of a part shows this leak. traffic: of the run that shows it. Reads lines, resources or trend.
    Judgment judge(const Diagnosis& part, const ReplayStats& traffic, Size size) const;

  private:
    bool take_lines(const Diagnosis& whole);
    bool take_counts(const Resources& resources);
    Judgment judge_lines(const LineReport& part, double requests_per_unit, Size size) const;
    Judgment judge_counts(const Resources& part, Size size) const;
    Judgment judge_memory(const TrendVerdict& trend, Size size) const;
    bool is_smaller(const Interval& rate) const;

    Kind kind_ = Kind::memory;
    std::set<CodeLine> lines_;
    Resource resource_ = Resource::descriptors;
    std::set<std::string> kinds_;  // of the resource, with "#" for digits; empty: any
    bool partly_by_time_ = false, by_time_alone_ = false;
    Interval rate_;  // of the whole log
    std::string other_leaks_;
};

}  // namespace leakline::diagnose
