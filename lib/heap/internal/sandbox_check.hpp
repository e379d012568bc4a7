// Whether the seccomp filters of a running process, as those of Docker's containers, let an attached agent work.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace leakline::heap {

// status: the text of a thread's file in /proc.
bool is_in_sandbox(std::string_view status);
// Why they do not let it work ("runs in a seccomp sandbox, ..."); nothing if they do. Stops all threads of the process for a moment. To be
// called by a thread that ends soon (system/stopped_process.hpp). In a container, leakline has the same filters as the process, and tries
// the calls itself. Throws Error{system} if the process may not be traced.
std::optional<std::string> sandbox_that_forbids_agent(int pid);

}  // namespace leakline::heap
