// What a type of C or C++ is to the rules. Plain data.
#pragma once

#include <vector>

#include "audit/internal/facts.hpp"

namespace leakline::audit {

struct TypeFacts {
    enum class Family : std::uint8_t { none, sequence, map, set, queue, string, stream };
    Family family = Family::none;  // of the container that it is, or points to
    bool indirect = false;         // reference, pointer, iterator, smart pointer
    bool few_values = false;       // enum, bool, 8 bits
    bool few_keys = false;         // a container whose keys are such
    bool integer = false;
    bool thread = false;    // std::thread, or a container of such
    bool callable = false;  // a function, a pointer to one, or std::function
    bool fixed_array = false;
    std::vector<Name> holds, elements;
    Name node = kNoName;  // a pointer (or smart pointer) to this class of the code
    bool container() const { return family != Family::none; }
};

}  // namespace leakline::audit
