// A sample of a long log, for runs in which a pass over all of it would take too long. Inside lib/diagnose only.
#pragma once

#include <cstdint>
#include <string>

#include "replay/replay.hpp"

namespace leakline::diagnose {

// Writes about `wanted` of the `total` requests that are sent, for replay::for_selected() and with their times, to the file path: slices of
// consecutive requests, spread evenly from the first to the last, so that requests that belong together mostly stay
// together. Returns how many there are. Throws Error{input} as reading the logs does, Error{system} as writing does.
std::uint64_t write_log_slices(const replay::ReplayOptions& traffic, std::uint64_t total, std::uint64_t wanted, const std::string& path);

}  // namespace leakline::diagnose
