#include "heap/internal/traced_process.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "system/proc_file.hpp"

namespace leakline::heap {

namespace {

// Where the stack of a process starts: another place after every exec, as stacks are placed at random. 0: not known.
std::uint64_t stack_start(int pid) {
    const auto stat = read_stat(pid);
    return stat ? stat->stack_start : 0;
}

// Whether a process was started without the tracker: what it starts itself is, since the tracker takes LD_PRELOAD out of
// the environment. Programs that write a title over their environment leave nothing there to go by.
bool started_without_tracker(int pid) {
    const auto text = read_small_file(fmt::format("/proc/{}/environ", pid));
    return text && text->find("PATH=") != std::string::npos && text->find("LD_PRELOAD=") == std::string::npos;
}

}  // namespace

void TracedProcess::started(int pid) {
    forked(pid);
    stack_start_ = stack_start(pid);
    runs_program_ = true;
}

void TracedProcess::forked(int pid) {
    pid_ = pid;
    watch_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    ended_ = watch_.get() < 0;
}

bool TracedProcess::ends_now() const {
    pollfd end{descriptor(), POLLIN, 0};
    return end.fd >= 0 && ::poll(&end, 1, 0) > 0;
}

void TracedProcess::check_for_exec() {
    if (!runs_program_ || ended_ || !became_.empty()) return;
    const std::string link = fmt::format("/proc/{}/exe", pid_);
    char path[4096];
    const ssize_t length = ::readlink(link.c_str(), path, sizeof path);
    if (length <= 0) return;
    const std::string_view executable(path, static_cast<std::size_t>(length));
    const std::uint64_t stack = stack_start(pid_);
    const bool anew = stack_start_ != 0 && stack != 0 && stack != stack_start_;
    if (executable != executable_ || anew || started_without_tracker(pid_)) became_ = executable;
}

}  // namespace leakline::heap
