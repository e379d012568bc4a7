// A violation ends the process, which is how a fuzzer learns of it.
#pragma once

#include <cstdlib>

namespace leakline::fuzz {

inline void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace leakline::fuzz
