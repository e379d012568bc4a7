// Where trackd is: beside leakline in a build folder, in libexec of an installed copy. Links to leakline are followed, and the
// installed copy may be moved as a whole. Safe from any thread.
#pragma once

#include <optional>
#include <string>

namespace leakline::cli {

// The path of trackd; nothing if there is none.
std::optional<std::string> find_reference_service();
// The same, or an Error{input} with this hint.
std::string require_reference_service(const std::string& hint);

// Whether this program was installed (by cmake --install or a package), and is not that of a build folder.
bool is_installed();
// A file that belongs to the installed copy (PREFIX/share/leakline/NAME), whether it exists or not.
std::string installed_file(const std::string& name);

}  // namespace leakline::cli
