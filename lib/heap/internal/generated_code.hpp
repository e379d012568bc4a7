// Which functions of a recording the compiler made: implicit and defaulted members of classes, as DWARF marks them.
#pragma once

#include "heap/internal/raw_recording.hpp"
#include "heap/internal/symbols.hpp"

namespace leakline::heap {

// Sets Frame::generated where the debug info of the module has DW_AT_artificial or DW_AT_defaulted for the function (DWARF 5, 2.11 and
// 5.7.8). Asks once for each function and line of the user's own files, at most kMaxLookups times. Reads the modules' files;
// what cannot be read stays as it is.
void mark_generated_code(const SymbolFeed& feed, Symbols& symbols);

inline constexpr std::size_t kMaxLookups = 4000;

}  // namespace leakline::heap
