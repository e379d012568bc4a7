// Internal to lib/http: how Beast's parsers are told that a body may have any size.
#pragma once

#include <cstdint>
#include <limits>

namespace leakline::http {

// Boost 1.74's parser takes no limit at all (boost::none) for a limit of 0.
inline constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

}  // namespace leakline::http
