// C and C++: one translation unit, as libclang sees it, into facts.
//
// Thread-safety: any thread; each call has its own index.
#pragma once

#include <string>
#include <vector>

#include "audit/internal/facts.hpp"

namespace leakline::audit {

// A unit as a compilation database names it.
struct ClangUnit {
    std::string file, directory;         // absolute
    std::vector<std::string> arguments;  // of the compiler, without its name, the file and what concerns the output only
};

struct ReadUnit {
    UnitFacts facts;
    std::vector<std::string> files;  // the file and what it includes of the code, absolute
};

// The libclang that is loaded, by its file's name. Throws Error{input} with what to install, or with what to build again,
// where there is none.
const std::string& clang_library();

// roots: whose code is read (headers elsewhere are known by their names only). A unit that does not compile gives the facts
// of what could be read, and facts.errors. Throws Error{input} where libclang cannot be loaded or does not come back.
ReadUnit read_clang_unit(const ClangUnit& unit, const std::vector<std::string>& roots);

}  // namespace leakline::audit
