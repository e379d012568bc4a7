// The agent and seccomp filters: of the process that it is attached to, and of a container that leakline runs in.
#include "attached_process.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstddef>
#include <iterator>

#include "system/descendants.hpp"

using namespace leakline;
using std::chrono::seconds;
using test::AskedProgram;
using test::attach_to;
using test::attach_to_tree;
using test::is_attached;
using test::live_through;
using test::number;
using test::refusal;

namespace {

const std::string kBin = LEAKLINE_BIN_DIR;
const std::vector<std::string> kSubject = {kBin + "/heap_attach_subject"};

bool forbid(long number, std::uint32_t answer) {
    sock_filter code[] = {{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
                          {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<std::uint32_t>(number)},
                          {BPF_RET | BPF_K, 0, 0, answer},
                          {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
    const sock_fprog filter{static_cast<unsigned short>(std::size(code)), code};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// A program that sleeps, in a sandbox with this answer to a system call.
Child start_in_sandbox(long number, std::uint32_t answer) {
    Command command;
    command.arguments = {kBin + "/heap_subject", "sleep", "60"};
    command.before_exec = [=] { return forbid(number, answer); };
    return Child::start(command);
}

// In namespaces of its own, and with this answer to a system call from the first process on, as in a container. Returns what `check` does; 77: not
// permitted here.
template <class Check>
int in_container(long number, std::uint32_t answer, const Check& check) {
    const auto run = [&](const auto& made) {
        const pid_t child = ::fork();
        if (child == 0) {
            try {
                ::_exit(made());
            } catch (...) {
                ::_exit(99);
            }
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
    };
    return run([&] {
        if (::unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) return 77;
        return run([&] {
            if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 || ::mount("proc", "/proc", "proc", 0, nullptr) != 0)
                return 77;
            return forbid(number, answer) ? check() : 77;
        });
    });
}

int record_without_kcmp(AskedProgram& program) {
    if (!forbid(SYS_kcmp, SECCOMP_RET_ERRNO | EPERM)) return 77;  // as Docker's default profile does without CAP_SYS_PTRACE
    if (heap::share_memory(program.pid(), ::getpid()).has_value()) return 1;
    heap::Recorder recorder = heap::Recorder::start(attach_to_tree(program.pid()));
    const int worker = number(program.ask("worker"));
    if (!test::comes_true([&] { return is_attached(recorder, worker); })) return 2;
    if (program.ask("to 0 keep 300 24") != "ok 0") return 3;
    program.tell("vfork 60000");
    const bool refused = test::comes_true([&] {
        for (const int pid : descendants_of(program.pid()))
            if (pid != worker && refusal(pid, {}).find("may have the memory of the process that started it") != std::string::npos)
                return ::kill(pid, SIGKILL) == 0;
        return false;
    });
    if (!refused) return 4;
    if (!program.answer().starts_with("ok ")) return 5;
    const HeapProfile profile = recorder.finish();
    if (!profile.warnings.empty()) return 6;
    return live_through(profile, "keep_block") == 300 * 24 ? 0 : 7;
}

}  // namespace

TEST_CASE("a child that enters a sandbox, and ends later, is named in a warning") {
    AskedProgram program(kSubject);
    const int worker = number(program.ask("worker"));
    heap::Recorder recorder = heap::Recorder::start(attach_to_tree(program.pid()));
    CHECK(program.ask("to 0 keep 300 24") == "ok 0");
    CHECK(program.ask("to 0 sandbox") == "ok 0");
    CHECK(test::comes_true([&] { return !is_attached(recorder, worker); }));
    CHECK(program.ask("kill 0") == "ok 0");
    const HeapProfile profile = recorder.finish();
    REQUIRE(profile.warnings.size() == 1);
    CHECK(profile.warnings[0] ==
          fmt::format("process {}: it entered a seccomp sandbox: the agent left before, and the recording ends there", worker));
    CHECK(test::comes_true([&] { return test::is_as_before(program.pid()); }));
}

TEST_CASE("a process in a sandbox that lets the agent work, as Docker's containers do, is recorded") {
    AskedProgram program(kSubject);
    REQUIRE(program.ask("sandbox") == "ok 0");
    heap::Recorder recorder = heap::Recorder::start(attach_to(program.pid()));
    CHECK(program.ask("keep 300 24") == "ok 0");
    CHECK(live_through(recorder.finish(), "keep_block") == 300 * 24);
    CHECK(test::comes_true([&] { return test::is_as_before(program.pid()); }));
    CHECK(program.ask("keep 1 24") == "ok 0");
}

TEST_CASE("in a container, where the kernel does not tell what its filters are, they are tried") {
    const auto attach = [] {
        AskedProgram program(kSubject);
        const heap::Attached attached = heap::attach_agent(program.pid(), 1, {});
        return program.ask("keep 10 24") == "ok 0" && attached.segment->detach(seconds(20)) ? 0 : 1;
    };
    const auto refuse = [](const char* reason) {
        return [reason] {
            AskedProgram program(kSubject);
            return refusal(program.pid()).find(reason) != std::string::npos && program.ask("free") == "ok 0" ? 0 : 1;
        };
    };
    // One that adds a filter of its own has not only those of the container.
    const auto refuse_own = [] {
        AskedProgram program(kSubject);
        if (program.ask("sandbox") != "ok 0") return 77;
        return refusal(program.pid()).find("only root of the machine, outside of any sandbox") != std::string::npos ? 0 : 1;
    };
    const int attached = in_container(SYS_kcmp, SECCOMP_RET_ERRNO | EPERM, attach);
    if (attached == 77) {
        MESSAGE("skipped: namespaces or seccomp are not permitted here");
        return;
    }
    CHECK(attached == 0);
    CHECK(in_container(SYS_fallocate, SECCOMP_RET_KILL_PROCESS, refuse("which may end it for a system call of the agent (fallocate)")) ==
          0);
    CHECK(in_container(SYS_ftruncate, SECCOMP_RET_ERRNO | EPERM, refuse("which forbids a system call of the agent (ftruncate)")) == 0);
    CHECK(in_container(SYS_kcmp, SECCOMP_RET_ERRNO | EPERM, refuse_own) == 0);
}

TEST_CASE("where kcmp is not allowed, children are recorded all the same, except while their parent may be in vfork") {
    AskedProgram program(kSubject);
    const pid_t child = ::fork();
    if (child == 0) {
        int code = 8;
        try {
            code = record_without_kcmp(program);
        } catch (...) {
        }
        ::_exit(code);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WEXITSTATUS(status) == 77) {
        MESSAGE("skipped: seccomp filters are not allowed here");
        return;
    }
    CHECK(status == 0);
    CHECK(program.ask("to 0 free") == "ok 0");
    CHECK(test::comes_true([&] { return test::is_as_before(program.pid()); }));
}

TEST_CASE("a process in a sandbox that may end it, or forbids a system call of the agent, is refused before it is touched") {
    {
        Child child = start_in_sandbox(SYS_memfd_create, SECCOMP_RET_KILL_PROCESS);
        CHECK(refusal(child.pid()) ==
              fmt::format(
                  "process {}: runs in a seccomp sandbox, which may end it for a system call of the agent (memfd_create)\n  hint: start "
                  "it under leakline instead: leakline record --tracker agent -o run.leak -- CMD ARG...",
                  child.pid()));
        CHECK(child.running());
    }
    {
        Child child = start_in_sandbox(SYS_clone, SECCOMP_RET_ERRNO | EPERM);
        CHECK(refusal(child.pid()).find("which forbids a system call of the agent (clone)") != std::string::npos);
        CHECK(child.running());
    }
}
