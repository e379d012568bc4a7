// Where a reader is in the body of a function, and what it has seen of it so far. Shared by all languages.
//
// Thread-safety: one thread.
#pragma once

#include <vector>

#include "audit/internal/facts.hpp"
#include "audit/internal/release_paths.hpp"

namespace leakline::audit {

struct BodyState {
    Name function = kNoName;
    std::uint32_t loop = 0;                   // the innermost one around, an index + 1
    std::vector<std::vector<Access>> guards;  // of the conditions around, innermost last
    std::vector<Access> function_guards;      // of early exits before
    int first_time = 0;                       // conditions around that hold only while something is not set
    ReleasePaths paths;
    bool awaits = false;  // something that is not known to wait for requests
    bool blocks = false, serves = false, calls_parameter = false, starts_parameter = false, wraps = false;  // as in Function

    std::vector<Access> all_guards() const;
    // A call from here. Its guards are left out: of most kinds of calls they do not matter.
    Call call(Call::Kind kind, Name to, Place at) const;
    // An operation here, added to facts.
    Operation& add(UnitFacts& facts, Operation::Kind kind, const Access& on, Place at, Name word);
    // At the end of the function, which facts has already.
    void finish(UnitFacts& facts) const;
};

}  // namespace leakline::audit
