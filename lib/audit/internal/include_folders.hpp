// Where units that no compilation database describes find their headers: guessed from the #include lines of the project.
// Reads the file system.
//
// Thread-safety: any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leakline::audit {

struct Include {
    std::string name;  // "net/socket.hpp"
    bool quoted = false;
};

// The #include lines of a source file; lines within comments and conditions count, too.
std::vector<Include> includes_of(std::string_view text);

// Arguments for the compiler: "-I" with the root, "-idirafter" with folders that #include <...> lines need, "-iquote" with those
// that only quotes need; the most needed first. sources: the files to be read. A header with the name that a line gives is looked for
// anywhere below the root; of several, the one nearest to the including file is taken.
std::vector<std::string> include_arguments(const std::string& root, const std::vector<std::string>& sources);

}  // namespace leakline::audit
