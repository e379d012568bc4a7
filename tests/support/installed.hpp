// Programs that a test needs and that a machine may lack.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "system/executables.hpp"

namespace leakline::test {

// False, with a message, if it cannot be found.
inline bool is_installed(const std::string& program) {
    if (find_executable(program)) return true;
    MESSAGE(program << " is not installed (scripts/setup.sh installs it): not tested");
    return false;
}

}  // namespace leakline::test
