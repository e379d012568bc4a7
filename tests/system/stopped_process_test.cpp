#include "system/stopped_process.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "base/error.hpp"
#include "system/mappings.hpp"
#include "system/proc_file.hpp"

using namespace leakline;

namespace {

// A child that waits, with another thread or without.
class Waiting {
  public:
    explicit Waiting(bool second_thread = false) : pid_(::fork()) {
        if (pid_ != 0) return;
        if (second_thread)
            std::thread([] {
                for (;;) ::pause();
            }).detach();
        for (;;) ::pause();
    }
    ~Waiting() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    int pid() const { return pid_; }
    char state() const { return read_stat(pid_).value_or(ProcessStat{}).state; }
    // Waits for a state other than 't' (stopped by a tracer).
    bool goes_on() const {
        for (int i = 0; i < 5000; ++i) {
            if (state() == 'S') return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return false;
    }

  private:
    pid_t pid_;
};

}  // namespace

TEST_CASE("a process is stopped for as long as the object lives, with its threads and their registers") {
    const Waiting child(true);
    while (read_stat(child.pid())->threads < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    {
        const StoppedProcess stopped(child.pid(), std::chrono::seconds(10));
        CHECK(child.state() == 't');
        REQUIRE(stopped.threads().size() == 2);
        CHECK(stopped.running() == 0);
        for (const StoppedThread& thread : stopped.threads()) {
            CHECK(thread.stack_pointer != 0);
            CHECK(thread.thread_pointer != 0);
            CHECK(thread.registers.size() >= 17);
        }
    }
    CHECK(child.goes_on());
}

TEST_CASE("a process that is stopped already stays so, and a signal meanwhile arrives afterwards") {
    const Waiting child;
    ::kill(child.pid(), SIGSTOP);
    while (child.state() != 'T') std::this_thread::sleep_for(std::chrono::milliseconds(1));
    { const StoppedProcess stopped(child.pid(), std::chrono::seconds(10)); }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(child.state() == 'T');
    ::kill(child.pid(), SIGCONT);
    CHECK(child.goes_on());
    {
        const StoppedProcess stopped(child.pid(), std::chrono::seconds(10));
        ::kill(child.pid(), SIGTERM);
    }
    int status = 0;
    CHECK(::waitpid(child.pid(), &status, 0) == child.pid());
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGTERM);
}

TEST_CASE("a process goes on when the one that has stopped it is killed, at any moment") {
    const Waiting child;
    for (int round = 0; round < 20; ++round) {
        const pid_t killed = ::fork();
        if (killed == 0)
            for (;;) {
                const StoppedProcess stopped(child.pid(), std::chrono::seconds(10));
                std::this_thread::sleep_for(std::chrono::microseconds(100));
            }
        std::this_thread::sleep_for(std::chrono::microseconds(500 + 731 * round));
        ::kill(killed, SIGKILL);
        ::waitpid(killed, nullptr, 0);
        CHECK(child.goes_on());
    }
}

TEST_CASE("a process that is traced already is refused with its tracer") {
    const Waiting child;
    const StoppedProcess first(child.pid(), std::chrono::seconds(10));
    std::string said;
    std::thread([&] {
        try {
            const StoppedProcess second(child.pid(), std::chrono::seconds(1));
        } catch (const Error& error) {
            said = error.what();
        }
    }).join();
    CHECK(said.starts_with("process " + std::to_string(child.pid()) + ": is already traced by process "));
    CHECK(said.ends_with("hint: end that one first"));
}

TEST_CASE("mappings are read from the text of the kernel, and other lines are left out") {
    const std::vector<Mapping> mappings = parse_mappings(
        "55d0c8a00000-55d0c8a02000 r--p 00001000 fe:01 1234                       /usr/bin/a b (deleted)\n"
        "garbage\n"
        "7f00-7e00 rw-p 00000000 00:00 0\n"
        "8ffd1000-8ffd2000 rw-s 00000000 00:00 0 \n"
        "7ffd3000-7ffd4000 rwxp 00000000 00:00 0                          [stack]\n");
    REQUIRE(mappings.size() == 1);
    CHECK(mappings[0].begin == 0x55d0c8a00000);
    CHECK(mappings[0].size() == 0x2000);
    CHECK(mappings[0].offset == 0x1000);
    CHECK(mappings[0].path == "/usr/bin/a b (deleted)");
    CHECK(mappings[0].readable);
    CHECK_FALSE(mappings[0].writable);
    const std::vector<Mapping> own = parse_mappings(*read_small_file("/proc/self/maps"));
    CHECK(own.size() > 10);
}

TEST_CASE("a thread that waits in epoll_wait waits on") {
#ifndef __x86_64__
    MESSAGE("skipped: only on x86-64 are such calls made again");
    return;
#endif
    int answer[2];
    REQUIRE(::pipe(answer) == 0);
    const int event = ::eventfd(0, 0), queue = ::epoll_create1(0);
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    REQUIRE(::epoll_ctl(queue, EPOLL_CTL_ADD, event, &wanted) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        epoll_event found{};
        const char result = ::epoll_wait(queue, &found, 1, -1) == 1 ? 'w' : 'i';
        ::_exit(::write(answer[1], &result, 1) == 1 ? 0 : 1);
    }
    while (read_stat(child)->state != 'S') std::this_thread::sleep_for(std::chrono::milliseconds(1));
    for (int time = 0; time < 5; ++time) {
        const StoppedProcess stopped(child, std::chrono::seconds(10));
        CHECK(stopped.running() == 0);
    }
    const std::uint64_t one = 1;
    CHECK(::write(event, &one, sizeof one) == sizeof one);
    char result = 0;
    CHECK(::read(answer[0], &result, 1) == 1);
    CHECK(result == 'w');
    ::waitpid(child, nullptr, 0);
    for (const int file : {answer[0], answer[1], event, queue}) ::close(file);
}
