#include "base/guard.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/leftovers.hpp"
#include "base/process.hpp"

namespace leakline {

namespace {

std::atomic<bool>& programs_stay() {
    static std::atomic<bool>& stay = shared_with_guard<std::atomic<bool>>();
    return stay;
}

// The words of a command line stand behind each other in memory, and /proc/PID/cmdline shows that memory.
void show_as_guard(char** arguments) {
    ::prctl(PR_SET_NAME, "leakline-guard");
    if (arguments == nullptr || arguments[0] == nullptr) return;
    char* end = arguments[0];
    for (char** word = arguments; *word != nullptr; ++word)
        if (*word == end) end += std::strlen(*word) + 1;
    const auto size = static_cast<std::size_t>(end - arguments[0]);
    std::memset(arguments[0], 0, size);
    std::strncpy(arguments[0], "leakline-guard", size - 1);
}

[[noreturn]] void watch(int socket, pid_t parent, char** arguments) {
    ::setsid();
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    // What reads our output must see its end when we end, and no file system is kept busy.
    if (socket > 0) ::close_range(0, static_cast<unsigned>(socket) - 1, 0);
    ::close_range(static_cast<unsigned>(socket) + 1, ~0U, 0);
    [[maybe_unused]] const int ignored = ::chdir("/");
    show_as_guard(arguments);
    char byte = 0;
    ssize_t got = 0;
    do got = ::read(socket, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got == 1) ::_exit(0);
    if (!programs_stay()) kill_running_groups(parent);
    leftovers::remove_all(parent);
    ::_exit(0);
}

}  // namespace

Guard::Guard(char** arguments) {
    // What is shared has to be there before the fork. Nothing is remembered under this pid.
    kill_running_groups(-2);
    leftovers::remove_all(-2);
    programs_stay();
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
    const pid_t parent = ::getpid();
    // Forked twice: it is no child of ours, which lists of our children would show among the programs that we run.
    const pid_t between = ::fork();
    if (between == 0) {
        if (::fork() != 0) ::_exit(0);
        ::close(ends[1]);
        watch(ends[0], parent, arguments);
    }
    ::close(ends[0]);
    if (between < 0) {
        ::close(ends[1]);
        return;
    }
    while (::waitpid(between, nullptr, 0) < 0 && errno == EINTR) {
    }
    alive_ = ends[1];
}

void leave_programs_running() { programs_stay() = true; }

Guard::~Guard() {
    if (alive_ < 0) return;
    const char done = 1;
    char end = 0;
    // Its end of the socket is closed when it has ended.
    if (::send(alive_, &done, 1, MSG_NOSIGNAL) == 1)
        while (::read(alive_, &end, 1) < 0 && errno == EINTR) {
        }
    ::close(alive_);
}

}  // namespace leakline
