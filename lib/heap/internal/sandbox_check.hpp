// Whether the seccomp filters of a running process, as those of Docker's containers, let an attached agent work.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace leakline::heap {

// How many seccomp filters a thread has, by the text of its status file in /proc. kUncounted: it has some (Linux before 5.9).
inline constexpr unsigned kUncounted = ~0u;
unsigned count_filters(std::string_view status);
// Why they do not let it work ("runs in a seccomp sandbox, ..."); nothing if they do. Stops all threads of the process for a moment. To be
// called by a thread that ends soon (system/stopped_process.hpp). In a container, leakline has the same filters as the process, and tries
// the calls itself. Throws Error{system} if the process may not be traced.
std::optional<std::string> sandbox_that_forbids_agent(int pid);

}  // namespace leakline::heap
