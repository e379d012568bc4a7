// The words of a progress line: what is being done, how far it is, how long it still takes. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/quantities.hpp"

namespace leakline::report {

// "replaying round 3 of 6  [######........]  43 %  12s left", at most width columns, no line end. Without a
// fraction (0..1) there is no bar, only the time so far. The time left is what the rest takes at the pace so
// far; it is not said before 2 % or 1 s, where it would jump about.
std::string progress_line(std::string_view what, std::optional<double> fraction, Nanoseconds elapsed, int width);

// One bar over work in stages whose number is not known when it begins. It never goes back.
// Thread-safety: one thread at a time.
class ProgressBar {
  public:
    // The stage that begins fills this share (0..1) of what is left of the bar.
    void begin(double share);
    // Of a stage that is so far (0..1): how far the whole is. A stage that falls back has been extended: what is left of
    // it gets its share of what is left of the bar.
    double at(double fraction);

  private:
    double share_ = 0;
    double from_ = 0, to_ = 0, at_ = 0;       // of the bar
    double first_fraction_ = 0, latest_ = 0;  // of the stage
};

}  // namespace leakline::report
