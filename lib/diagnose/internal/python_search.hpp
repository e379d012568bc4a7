// The search for the Python variables that hold what leaks: the agent in each recorded process looks for them in a copy of the process, which it
// makes while requests follow the rounds. That there is no answer fails no diagnosis. Inside lib/diagnose only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "diagnose/internal/run_context.hpp"
#include "heap/recorder.hpp"
#include "model/holders.hpp"

namespace leakline::diagnose {

// Thread-safety: one thread.
class PythonSearch {
  public:
    // Both must live as long as this.
    PythonSearch(const RunContext& context, heap::Recorder& recorder) : context_(context), recorder_(recorder) {}

    // At the quiet mark of that round (from 1): what is allocated after an early one is growth.
    void after_round(int number);
    // Before requests that no figure is taken from, and after them.
    void begin();
    void end();
    // What holds most of what the leaking line allocated; nothing if that is not known, or no line of Python leaks.
    std::optional<HeldBy> held_by(const LineReport& lines) const;
    // Those whose objects grew.
    std::vector<ObjectType> types() const;
    // Why there is no answer; empty if there is one, or if nothing was asked.
    const std::string& reason() const { return found_.reason; }

  private:
    const RunContext& context_;
    heap::Recorder& recorder_;
    Nanoseconds since_{};
    bool asked_ = false;
    PythonHolders found_;
};

}  // namespace leakline::diagnose
