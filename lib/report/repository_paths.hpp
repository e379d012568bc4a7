// Where the files of a report lie within the repository, as CI systems name them. Reads the file system.
#pragma once

#include <map>
#include <string>

#include "report/report.hpp"

namespace leakline::report {

// Files of document's lines and their callers -> paths relative to root, symbolic links resolved on both
// sides. A file that is not here (built elsewhere), or is here but outside of root, is looked for under root by the end of
// its path, at least two components of it; one that is here must have the same text there. Other files outside of the
// repository are left out. For RenderOptions::repository_paths.
std::map<std::string, std::string> repository_paths(const Document& document, const std::string& root);

// The nearest folder above (or at) directory that holds ".git"; empty where there is none.
std::string repository_root(const std::string& directory);

// The commit that is checked out in the repository at root, abbreviated to 12 digits; empty if that cannot be read.
std::string head_commit(const std::string& root);

}  // namespace leakline::report
