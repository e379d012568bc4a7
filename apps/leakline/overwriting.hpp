// A file that a command reads must not be the one that it writes: the log of a week's traffic would be gone.
#pragma once

#include <string>
#include <vector>

namespace leakline::cli {

// To be called before anything is opened for writing. Throws Error{usage} where one of outputs is one of inputs ("-" is
// what standard input comes from), or what standard output is sent to: the same file, through links and under whatever
// name. Devices, pipes and what does not exist are never the same.
void refuse_to_overwrite(const std::vector<std::string>& outputs, const std::vector<std::string>& inputs);

}  // namespace leakline::cli
