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

}  // namespace leakline::report
