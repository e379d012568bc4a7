// Properties of an ELF file that decide whether and how well it can be recorded (System V gABI; DWARF 5).
#pragma once

#include <optional>
#include <string>

#include "agent/own_allocator.hpp"
#include "model/runtime.hpp"

namespace leakline::heap {

struct ElfFile {
    enum class DebugInfo { none, split, lines };

    bool is_elf = false;
    bool this_machine = false;          // 64 bits, for this machine
    bool cut_off = false;               // it is shorter than its headers say
    std::string interpreter;            // the loader; empty if linked statically
    bool defines_malloc = false;        // its own symbol table has it
    bool defines_operator_new = false;  // that of C++, as a function of its own
    // By Go's build information, or by a symbol that only the launcher of a runtime needs: Python's, Node's, Java's, ...
    Runtime runtime = Runtime::native;
    // The share of its code with call frame information; nothing if unknown. Without it (gcc's
    // -fno-asynchronous-unwind-tables) no callers can be found.
    std::optional<double> call_frames;
    DebugInfo debug_info = DebugInfo::none;  // in it, or in a separate file (build id, debug link)
    std::string build_id;                    // lower-case hex, empty if it has none
};

// Never throws: parts that cannot be read are treated as absent.
ElfFile read_elf(const std::string& path);
// The allocator that is linked into a program.
agent::OwnAllocator read_own_allocator(const std::string& path);
// The warning about one that is not recorded. program: its path.
std::string own_allocator_warning(const std::string& program, const std::string& name, const std::string& why);
// What to do about it.
inline constexpr char kRecordableAllocator[] = "keep its symbol table (do not strip it), or link the allocator as a shared library";

}  // namespace leakline::heap
