// Whether the seccomp filters of a running process, as those of Docker's containers, let an attached agent work.
#pragma once

#include <optional>
#include <string>

namespace leakline::heap {

// Why not ("runs in a seccomp sandbox, ..."); nothing if they do. Stops all threads of the process for a moment. Throws Error{system} if it may not be
// traced.
std::optional<std::string> sandbox_that_forbids_agent(int pid);

}  // namespace leakline::heap
