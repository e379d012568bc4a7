#include "system/tracing.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <string_view>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "system/proc_file.hpp"

namespace leakline {

std::vector<int> thread_ids(int pid, const SystemRoots& roots) {
    std::vector<int> ids;
    for (const std::uint32_t id : numbers_in(roots.proc + "/" + std::to_string(pid) + "/task").value_or(std::vector<std::uint32_t>()))
        ids.push_back(static_cast<int>(id));
    return ids;
}

void refuse_tracing(int pid, int error_number, const SystemRoots& roots) {
    const std::string where = fmt::format("process {}", pid);
    const auto status = read_small_file(roots.proc + "/" + std::to_string(pid) + "/status");
    if (error_number == ESRCH || !status) throw Error(ErrorKind::system, where, "is not running");
    if (status_value(*status, "State").value_or("").starts_with('Z')) throw Error(ErrorKind::system, where, "has ended (a zombie)");
    const auto tracer = status_value(*status, "TracerPid").value_or("0");
    if (tracer != "0")
        throw Error(ErrorKind::system, where, fmt::format("is already traced by process {} (a debugger, strace)", tracer),
                    "end that one first");
    const auto scope = read_small_file(roots.proc + "/sys/kernel/yama/ptrace_scope");
    const std::string_view level = scope ? trim(*scope) : std::string_view("0");
    if (level == "3")
        throw Error(ErrorKind::system, where, "tracing is turned off on this machine (kernel.yama.ptrace_scope is 3)",
                    "it can be turned on only by a restart with another setting");
    throw Error(ErrorKind::system, where, "its memory may not be read: " + os_reason(error_number),
                level != "0" ? "run as root, or set kernel.yama.ptrace_scope to 0: sysctl kernel.yama.ptrace_scope=0"
                             : "run as root or as the user of the process; in a container, with the capability SYS_PTRACE "
                               "(docker run --cap-add SYS_PTRACE)");
}

}  // namespace leakline
