// Names roots: the variable that each is, with its type and where it is declared.
//
// Thread-safety: functions without state; DebugInfo from one thread.
#pragma once

#include <vector>

#include "debuginfo/debug_info.hpp"
#include "holders/internal/memory_image.hpp"
#include "holders/internal/object_form.hpp"
#include "holders/internal/roots.hpp"
#include "model/holders.hpp"

namespace leakline::holders {

struct NamedRoot {
    Holder holder;                            // without contents and sizes
    Group group;                              // one object: the variable; a frame's members are its variables; no type if it is not known
    std::vector<debuginfo::Variable> locals;  // of a frame, with where they are declared

    // For reports on others.
    std::string name() const;
};

// In the order of the roots.
std::vector<NamedRoot> name_roots(const MemoryImage& image, const Roots& roots, debuginfo::DebugInfo& names);

// A type for a root that has none: the words of it that lead to blocks, named by their offsets from the start of a variable.
debuginfo::TypeId type_of_words(const Root& root, debuginfo::DebugInfo& names);

}  // namespace leakline::holders
