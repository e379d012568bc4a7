#include "system/program_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

#include "system/tracing.hpp"

namespace leakline {

// The kernel binds this file to the memory, not to the process; process_vm_readv(2) takes what the process has at that moment.
ProgramMemory::ProgramMemory(int pid) : file_(::open(fmt::format("/proc/{}/mem", pid).c_str(), O_RDONLY | O_CLOEXEC)) {
    if (file_.get() < 0) refuse_tracing(pid, errno == ENOENT ? ESRCH : errno);
}

}  // namespace leakline
