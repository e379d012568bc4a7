// Comments by which people say that a container is bounded. Pure, safe from any thread.
//
//   std::map<int, Job> jobs_;  // leakline: bounded by 64, one per worker
//
// "bounded by", a number or a name, and a reason. It stands on the line of the declaration or of what adds, or above it.
#pragma once

#include <string>
#include <string_view>

#include "audit/internal/facts.hpp"

namespace leakline::audit {

// marker: what begins a comment, "//" or "#"; "/* ... */" is found, too.
void add_bound_comments(UnitFacts& facts, Names& names, const std::string& path, std::string_view text, std::string_view marker);

}  // namespace leakline::audit
