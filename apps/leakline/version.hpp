// What --version prints. Safe from any thread.
#pragma once

#include <string>

namespace leakline::cli {

// "leakline 0.1.0 (commit 0861778fb0d1)" and a line that lists the features of this build.
std::string version_text();

}  // namespace leakline::cli
