#include "system/subreaper.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "base/strings.hpp"
#include "system/child_process.hpp"
#include "system/guard.hpp"
#include "system/proc_file.hpp"

using namespace leakline;

namespace {

// Starts `sh -c SCRIPT` and waits for its end; what it leaves in the background is orphaned.
void run_shell(const std::string& script, const std::vector<std::string>& before = {}) {
    Command command;
    command.arguments = before;
    command.arguments.insert(command.arguments.end(), {"/bin/sh", "-c", script});
    command.standard_output = Command::Stream::null;
    Child::start(command).wait();
}

constexpr const char* kLeaveDaemon = "setsid sh -c 'sleep 1000 >/dev/null 2>&1 &' & wait";
constexpr const char* kLeaveBareDaemon = "setsid sh -c 'env -i sleep 1000 >/dev/null 2>&1 &' & wait";  // its environment tells nothing

bool within_seconds(const std::function<bool()>& happens) {
    for (int tries = 0; tries < 3000; ++tries) {
        if (happens()) return true;
        ::usleep(10'000);
    }
    return false;
}

std::size_t count_children() {
    const auto text = read_small_file("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    std::size_t count = 0;
    for (const std::string_view word : split(text.value_or(""), ' ')) count += word.empty() ? 0 : 1;
    return count;
}

// As the first process of a PID namespace, in which another process was started from outside, which left an orphan of its own.
// Returns the step that failed, 0: none.
int in_container(int ready, int go) {
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 || ::mount("proc", "/proc", "proc", 0, nullptr) != 0) return 77;
    const Guard guard(nullptr);
    const Subreaper subreaper;
    run_shell(kLeaveDaemon);
    run_shell(kLeaveBareDaemon);
    if (!within_seconds([&] { return subreaper.orphans().size() == 2; })) return 1;
    const std::size_t ours = count_children();
    char byte = 0;
    if (::write(ready, &byte, 1) != 1 || ::read(go, &byte, 1) != 1) return 2;
    if (!within_seconds([&] { return count_children() == ours + 1; })) return 3;
    for (int look = 0; look < 20; ++look)
        if (subreaper.orphans().size() != 2) return 4;
    subreaper.end_orphans();
    if (!subreaper.orphans().empty() || count_children() != ours - 1) return 5;  // the other's runs on
    return 0;
}

}  // namespace

TEST_CASE("what a program leaves behind becomes ours, and is ended") {
    const Subreaper subreaper;
    run_shell(kLeaveDaemon);
    REQUIRE(within_seconds([&] { return subreaper.orphans().size() == 1; }));
    subreaper.end_orphans();
    CHECK(subreaper.orphans().empty());
}

TEST_CASE("the first process of a container leaves alone what others started beside it") {
    int ready[2], go[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(go, O_CLOEXEC) == 0);
    const pid_t namespaces = ::fork();
    if (namespaces == 0) {
        if (::unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) ::_exit(77);
        const pid_t first = ::fork();
        if (first == 0) ::_exit(in_container(ready[1], go[0]));
        if (::write(ready[1], &first, sizeof first) != sizeof first) ::_exit(9);
        int status = 0;
        ::waitpid(first, &status, 0);
        ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 8);
    }
    ::close(ready[1]);
    pid_t first = 0;
    char byte = 0;
    if (::read(ready[0], &first, sizeof first) == sizeof first && ::read(ready[0], &byte, 1) == 1) {
        run_shell(kLeaveDaemon, {"env", "-u", "LEAKLINE_GUARD", "nsenter", "-t", std::to_string(first), "-p", "-m"});
        CHECK(::write(go[1], &byte, 1) == 1);
    }
    int status = 0;
    ::waitpid(namespaces, &status, 0);
    for (const int end : {ready[0], go[0], go[1]}) ::close(end);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        MESSAGE("skipped: no PID namespace can be made here");
        return;
    }
    CHECK(status == 0);
}
