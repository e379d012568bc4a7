// The few facts about an ELF file that decide whether and how well it can be recorded (System V gABI; DWARF 5).
#pragma once

#include <optional>
#include <string>

#include "model/runtime.hpp"

namespace leakline::heap {

struct ElfFile {
    enum class DebugInfo { none, split, lines };

    bool is_elf = false;
    bool this_machine = false;          // 64 bits, of the machine that runs us
    bool cut_off = false;               // it ends before what its headers say it holds
    std::string interpreter;            // the loader; empty where linked statically
    bool defines_malloc = false;        // its own symbol table has it
    bool defines_operator_new = false;  // that of C++, as a function of its own
    // By Go's build information, or by a symbol that only the launcher of a runtime needs: Python's, Node's, Java's, ...
    Runtime runtime = Runtime::native;
    // Of its code, the share that call frame information covers; nothing where it cannot be told. Without it (gcc's
    // -fno-asynchronous-unwind-tables) no callers can be found.
    std::optional<double> call_frames;
    DebugInfo debug_info = DebugInfo::none;  // in it, or in a file of its own (build id, debug link)
    std::string build_id;                    // lower-case hex, empty where it has none
};

// Never throws: what cannot be read is as if it were not there.
ElfFile read_elf(const std::string& path);

}  // namespace leakline::heap
