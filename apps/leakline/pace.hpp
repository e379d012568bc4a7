// How --pace and --speed are written, for every command that replays.
#pragma once

#include <string>

#include "replay/replay.hpp"

namespace leakline::cli {

// text: "recorded", "max" or a rate ("500/s", "500"); speed: "10x" or "10", of the recorded pace only.
// Throws Error{usage}.
replay::Pace parse_pace(const std::string& text, const std::string& speed);

}  // namespace leakline::cli
