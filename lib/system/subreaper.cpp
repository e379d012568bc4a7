#include "system/subreaper.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <string>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "system/child_process.hpp"
#include "system/clock.hpp"
#include "system/guard.hpp"
#include "system/proc_file.hpp"

namespace leakline {

namespace {

// The children of all of our threads; none where the kernel does not list them.
std::vector<int> children() {
    std::vector<int> pids;
    const std::string tasks = "/proc/self/task";
    for (const std::uint32_t task : numbers_in(tasks).value_or(std::vector<std::uint32_t>())) {
        const auto text = read_small_file(tasks + "/" + std::to_string(task) + "/children");
        if (!text) continue;
        for (const std::string_view word : split(*text, ' ')) {
            int pid = 0;
            std::from_chars(word.data(), word.data() + word.size(), pid);
            if (pid > 0) pids.push_back(pid);
        }
    }
    return pids;
}

// Where we are the first process (of a container without an init), the kernel gives us the orphans of all: those of a shell that
// was opened beside us (docker exec) as well. Elsewhere only those of our descendants.
bool is_unrelated(int pid) {
    if (::getpid() != 1) return false;
    constexpr int kTries = 3;  // a process that is just calling exec has no environment
    Clock& clock = system_clock();
    for (int look = 0; look < kTries; ++look) {
        if (look > 0) clock.sleep_until(clock.monotonic() + std::chrono::milliseconds(1));
        if (const auto ours = has_guard_mark(pid)) return !*ours;
    }
    return false;
}

}  // namespace

Subreaper::Subreaper() : before_(children()) { ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

Subreaper::~Subreaper() {
    end_orphans();
    ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

std::vector<int> Subreaper::orphans() const {
    std::vector<int> pids;
    for (const int pid : children()) {
        if (is_running_child(pid) || std::find(before_.begin(), before_.end(), pid) != before_.end()) continue;
        if (::waitpid(pid, nullptr, WNOHANG) != 0 || is_unrelated(pid)) continue;
        guard_process(pid);
        pids.push_back(pid);
    }
    return pids;
}

void Subreaper::end_orphans() const {
    Clock& clock = system_clock();
    const Nanoseconds deadline = clock.monotonic() + std::chrono::seconds(2);
    std::vector<int> signaled;
    // An orphan's children become ours when the orphan ends: the next turn finds them.
    for (std::vector<int> left = orphans(); !left.empty(); left = orphans()) {
        const bool late = clock.monotonic() >= deadline;
        for (const int pid : left) {
            if (!late && std::find(signaled.begin(), signaled.end(), pid) != signaled.end()) continue;
            ::kill(pid, late ? SIGKILL : SIGTERM);
            signaled.push_back(pid);
        }
        if (clock.monotonic() >= deadline + std::chrono::seconds(2)) return;  // not even SIGKILL helps: stopped in the kernel
        clock.sleep_until(clock.monotonic() + std::chrono::milliseconds(10));
    }
}

}  // namespace leakline
