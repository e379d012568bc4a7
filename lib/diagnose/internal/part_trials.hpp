// Runs of a service on parts of a log: whether each shows the leak that the whole log showed.
//
// Thread-safety: none needed. Inside lib/diagnose only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "diagnose/internal/delta_debugging.hpp"
#include "diagnose/internal/leak_signature.hpp"
#include "diagnose/internal/request_kinds.hpp"
#include "diagnose/minimize.hpp"
#include "replay/log.hpp"

namespace leakline::diagnose {

class PartTrials {
  public:
    // All must live as long as the trials.
    PartTrials(const MinimizeOptions& options, const RequestKinds& kinds, const MinimizeObserver& observer)
        : options_(options), kinds_(kinds), observer_(observer) {}

    // About so many runs may follow, apart from those that come at the end: only for saying how long it may last.
    void expect(int more) { more_ = more + kAtEnd; }

    // A whole diagnosis of the part, bare and recorded, which holds so many requests and is what traffic reads; nothing
    // where it was interrupted. Growth per endpoint costs time of its own. Throws Error as diagnose() does.
    enum class Endpoints { measured, left_out };
    std::optional<Diagnosis> diagnose(const Part& part, std::uint64_t requests, replay::ReplayOptions traffic, const std::string& name,
                                      Endpoints endpoints);

    // The leak that the tests below look for.
    void look_for(const LeakSignature& leak) { leak_ = leak; }
    // Whether the part shows the leak. One run, or several if it is undecided; none for a part that was tested before.
    TestResult ask(const Part& part);
    // The same; by memory as a whole, a part has to leak a second time.
    TestResult confirm(const Part& part);
    // Whether the part shows the leak, or a smaller one at the same place.
    TestResult test_for_any_leak(const Part& part) { return run_until_clear(part, LeakSignature::Size::any); }

    const std::vector<Minimized::Trial>& trials() const { return trials_; }
    const Part& part(std::size_t trial) const { return parts_[trial]; }
    std::vector<Minimized::Trial> take_trials() { return std::move(trials_); }
    bool exhausted() const { return exhausted_; }  // a test was skipped because of options.most_trials

  private:
    static constexpr int kAtEnd = 2;

    TestResult run_until_clear(const Part& part, LeakSignature::Size size);
    std::optional<Verdict> run(const Part& part, int rounds, LeakSignature::Size size);
    void measure(const Options& run, const replay::LogSpan& span, LeakSignature::Size size, Minimized::Trial& trial) const;
    Minimized::Trial begin(const Part& part);
    void end(const Minimized::Trial& trial, const Part& part);

    const MinimizeOptions& options_;
    const RequestKinds& kinds_;
    const MinimizeObserver& observer_;
    std::optional<LeakSignature> leak_;
    std::optional<std::string> followed_;  // the executable that the diagnosis of the whole log recorded
    std::vector<Minimized::Trial> trials_;
    std::vector<Part> parts_;                                // of each
    std::map<std::string, TestResult> answers_, confirmed_;  // by the text that describes the part
    int more_ = 0;
    bool exhausted_ = false;
};

}  // namespace leakline::diagnose
