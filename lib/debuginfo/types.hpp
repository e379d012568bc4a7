// Types and variables of a program, as its debug information describes them. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace leakline::debuginfo {

using TypeId = std::uint32_t;  // of one DebugInfo; 0: not known

// An entry of the debug information; see DebugInfo::declaration_at.
struct EntryId {
    std::uint32_t module = 0;
    std::uint64_t offset = 0;  // 0: none
};

struct Declaration {
    std::string file;
    std::uint32_t line = 0;  // 0: not known
};

struct Member {
    std::string name;  // empty: a base class, or an anonymous structure or union
    std::uint64_t offset = 0;
    TypeId type = 0;
    bool base = false;
    EntryId entry{};
};

struct Type {
    enum class Kind {
        unknown,    // declared only, or of a kind that holds no pointers that can be followed by name
        scalar,     // numbers, characters, enumerations
        pointer,    // also references
        structure,  // also classes
        union_,
        array,
    };
    Kind kind = Kind::unknown;
    std::string name;  // shortened (see type_name.hpp); with its namespaces
    std::uint64_t size = 0;
    TypeId target = 0;              // pointer: what it points to; array: its elements
    std::uint64_t count = 0;        // array
    std::vector<Member> members;    // in the order of the source, base classes first; without static members and bit fields
    std::vector<TypeId> arguments;  // template arguments that are types
    bool polymorphic = false;       // its first word leads to a virtual table
};

struct Variable {
    std::string name;  // with its namespaces; of a local variable without
    TypeId type = 0;
    Declaration declared;
    std::uint64_t address = 0;
};

}  // namespace leakline::debuginfo
