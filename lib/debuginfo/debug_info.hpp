// What ELF symbols and DWARF say about the addresses of a process: variables, types, virtual tables, frames of stacks.
// Everything is read when it is first asked for; a program without debug information answers with symbols alone.
//
// Thread-safety: one object, one thread at a time (libdw keeps caches).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "debuginfo/types.hpp"

namespace leakline::debuginfo {

// A file that is mapped into the process.
struct MappedFile {
    std::string name;  // as the process sees it, for messages
    std::string path;  // where it can be opened now
    std::uint64_t begin = 0, end = 0;
    std::uint64_t offset = 0;  // in the file, of begin
};

// A data object of an ELF symbol table.
struct DataSymbol {
    std::string name;  // as the linker knows it
    std::string module;
    std::uint64_t address = 0, size = 0;
};

// The registers of a stopped thread by their DWARF numbers (x86-64: 0 to 15 general, 16 the instruction pointer; AArch64: 0 to 31, 32
// the program counter).
using Registers = std::vector<std::uint64_t>;

struct StackFrame {
    std::uint64_t pc = 0;   // where it goes on; of a caller that is behind the call
    std::uint64_t end = 0;  // the canonical frame address: the frame's variables are below it
    bool caller = false;    // whether pc is a return address
    Registers registers;    // those of a caller that are not known are 0
};

// Copies size bytes at an address of the process; false where they are not known.
using ReadMemory = std::function<bool(std::uint64_t address, void* to, std::size_t size)>;

class DebugInfo {
  public:
    // Files that cannot be read, or are damaged, have no names. Does not throw for them.
    explicit DebugInfo(const std::vector<MappedFile>& files);
    ~DebugInfo();
    DebugInfo(const DebugInfo&) = delete;
    DebugInfo& operator=(const DebugInfo&) = delete;

    // Whether a file is mapped there.
    bool covers(std::uint64_t address) const;
    // Whether the file that is mapped there has debug information.
    bool has_debug_info(std::uint64_t address);
    // The symbol whose object covers the address.
    std::optional<DataSymbol> data_symbol(std::uint64_t address);
    // The global or static variable that covers the address, also static members and those in functions.
    std::optional<Variable> variable_at(std::uint64_t address);
    // The same for the thread-local storage of the main program; offset, and address of the variable: from the start of its block. Without
    // debug information the symbol's name alone.
    std::optional<Variable> thread_local_at(std::uint64_t offset);
    // Size and alignment of that block; size 0: it has none.
    struct ThreadLocalBlock {
        std::uint64_t size = 0, alignment = 1;
    };
    ThreadLocalBlock thread_local_block() const;

    // Valid until the next call that makes types.
    const Type& type(TypeId id);
    // Where a member is declared.
    Declaration declaration_at(const EntryId& entry);
    // The class whose virtual table starts at or covers the address that an object's first word holds.
    std::optional<std::string> class_of_vtable(std::uint64_t address);
    // A class by its full name, as demanglers and debug information spell it; 0 if there is no definition.
    TypeId type_named(const std::string& name);
    // A pointer to a type, made for the purpose.
    TypeId pointer_to(TypeId target);
    // A structure of variables that lie at fixed distances, made for the purpose.
    TypeId structure_of(std::string name, std::uint64_t size, std::vector<Member> members);

    // From the innermost frame outward, for as long as call frame information goes.
    std::vector<StackFrame> unwind(const Registers& registers, const ReadMemory& read);
    // The function that pc is in, with its namespaces; empty if it is not known.
    std::string function_at(const StackFrame& frame);
    // The local variables and parameters of a frame that are in memory, also of functions inlined there.
    std::vector<Variable> locals_of(const StackFrame& frame);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace leakline::debuginfo
