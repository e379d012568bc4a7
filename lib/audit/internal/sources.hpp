// Which files an audit reads, and how C and C++ units of them are compiled. Reads the file system.
#pragma once

#include <string>
#include <vector>

#include "audit/internal/clang_reader.hpp"

namespace leakline::audit {

struct Sources {
    std::vector<ClangUnit> clang;
    std::vector<std::string> python;
    std::vector<std::string> roots;   // of the code: what is read of headers
    std::vector<std::string> wanted;  // the paths asked for, absolute and without links
    std::string database;             // compile_commands.json, empty where there is none
    std::size_t not_in_database = 0;  // sources under the paths that the database does not know
    std::size_t elsewhere = 0;        // units of the database outside of the paths
};

// Throws Error{input, usage}: no such path, no such database, nothing to read.
Sources find_sources(const std::vector<std::string>& paths, const std::string& compile_commands);

}  // namespace leakline::audit
