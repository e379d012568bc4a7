// The definitions of classes and the variables of one file's debug information, found in one pass over its units.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace leakline::debuginfo {

class ModuleIndex {
  public:
    explicit ModuleIndex(Dwarf* debug_info);

    // Where the definition of the class of that full name is; nothing if there is none. name: as scopes_of() reads it.
    std::optional<Dwarf_Off> class_named(std::string_view name);
    // Address as in the file.
    std::optional<Dwarf_Off> variable_at(std::uint64_t address);
    std::optional<Dwarf_Off> thread_local_at(std::uint64_t offset);
    // The full name of a class or variable: with its namespaces and enclosing classes.
    std::string full_name(Dwarf_Die& die);

  private:
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};
    struct Scope {
        Dwarf_Off begin = 0, end = 0;  // of its entries in .debug_info
        std::uint32_t parent = kNone;
        const char* name = nullptr;  // null: an anonymous namespace
        std::uint64_t hash = 0;      // of the full name
    };
    enum class Inside { namespaces, functions };
    using Variables = std::unordered_map<std::uint64_t, Dwarf_Off>;

    void read_units(Inside inside);
    void read_children(Dwarf_Die& die, std::uint32_t scope, Inside inside, int depth);
    void add_class(Dwarf_Die& die, std::uint32_t scope);
    void add_variable(Dwarf_Die& die);
    // variables: one of this index's own. What stands in functions is read where nothing else is at that place.
    std::optional<Dwarf_Off> variable_in(const Variables& variables, std::uint64_t place);
    std::uint32_t scope_around(Dwarf_Off offset) const;
    std::optional<Dwarf_Off> class_within(Dwarf_Off outer, std::string_view name);
    std::string scope_name(std::uint32_t scope) const;

    Dwarf* debug_info_;
    std::vector<Scope> scopes_;                             // by begin
    std::unordered_map<std::uint64_t, Dwarf_Off> classes_;  // by the hash of the full name; definitions
    Variables variables_;                                   // by address
    Variables thread_locals_;                               // by offset
    bool functions_read_ = false;
};

}  // namespace leakline::debuginfo
