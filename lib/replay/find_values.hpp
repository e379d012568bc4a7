// Finds in a log with responses which of their values its requests send later: the rules of --extract and --substitute for it.
//
// A value counts if a response of the session had it before, if no request of the session had sent it before that, and if it looks like
// an identifier or a token (words and small numbers recur by chance).
//
// Thread-safety: a free function, safe from any thread.
#pragma once

#include "replay/replay.hpp"

namespace leakline::replay {

// The rules for the first kFindSample requests that are sent; none if nothing was found. Throws as reading the logs does, and
// Error{input} if no request has a response.
inline constexpr std::size_t kFindSample = 20'000;
ValueOptions find_values(const ReplayOptions& options);

}  // namespace leakline::replay
