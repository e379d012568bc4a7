// What DebugInfo keeps: libdwfl's session, and for each file its symbols and its index.
#pragma once

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "debuginfo/debug_info.hpp"
#include "debuginfo/internal/module_index.hpp"

namespace leakline::debuginfo {

struct SessionEnd {
    void operator()(Dwfl* session) const { ::dwfl_end(session); }
};

// One file.
struct Module {
    struct Object {
        std::uint64_t address = 0, size = 0;  // in the process
        int symbol = 0;                       // of libdwfl's table
    };
    struct ThreadLocal {
        std::uint64_t offset = 0, size = 0;  // from the start of the file's block
        std::string name;
    };

    std::string name;
    std::uint64_t begin = 0, end = 0;  // in the process
    Dwfl_Module* handle = nullptr;
    bool main_program = false;

    bool symbols_read = false;
    std::vector<Object> objects;  // by address
    bool thread_locals_read = false;
    std::vector<ThreadLocal> thread_locals;  // in the order of the symbol table
    bool debug_info_read = false;
    Dwarf* debug_info = nullptr;
    Dwarf_Addr bias = 0;  // added to addresses of debug_info
    std::unique_ptr<ModuleIndex> index;
};

struct DebugInfo::State {
    std::unique_ptr<Dwfl, SessionEnd> session;
    std::vector<Module> modules;  // by begin
    ThreadLocalBlock thread_local_block;
    bool attached = false;      // unwinding is set up
    void* unwinding = nullptr;  // the stack that is being unwound

    std::vector<Type> types{Type{}};                                 // by TypeId; the first is that of nothing
    std::vector<std::pair<std::size_t, Dwarf_Off>> pending{{0, 0}};  // by TypeId: module and entry, while not yet read
    std::vector<bool> read{true};                                    // by TypeId
    std::vector<std::unordered_map<Dwarf_Off, TypeId>> ids;          // by module
    std::unordered_map<TypeId, TypeId> pointers;                     // made by pointer_to
    std::unordered_map<std::string, TypeId> named;                   // found by type_named

    Module* module_at(std::uint64_t address);
    void read_symbols(Module& module);
    bool read_thread_locals(Module& module);
    ModuleIndex* index_of(Module& module);
    Dwarf* debug_info_of(Module& module);
    std::size_t number_of(const Module& module) const { return static_cast<std::size_t>(&module - modules.data()); }

    // A type by its entry; entries of typedefs and qualifiers are those of what they stand for.
    TypeId type_of(std::size_t module, Dwarf_Die& die);
    // That of the entry's DW_AT_type; 0 if it has none.
    TypeId type_attribute(std::size_t module, Dwarf_Die& die);
    TypeId add(Type type);
    void read_type(TypeId id);
    void read_structure(Type& type, std::size_t module, Dwarf_Die& die);
    void read_variants(Type& type, std::size_t module, Dwarf_Die& part);
    void read_array(Type& type, std::size_t module, Dwarf_Die& die);

    std::optional<Variable> variable(std::size_t module, Dwarf_Off place);
    // Its type, and where it is declared.
    void describe(Variable& variable, std::size_t module, Dwarf_Die& die);
};

}  // namespace leakline::debuginfo
