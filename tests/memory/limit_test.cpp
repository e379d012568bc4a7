#include "memory/limit.hpp"
#include "base/error.hpp"
#include "fake_system.hpp"
#include "system/byte_source.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>

using namespace leakline;
using namespace leakline::memory;
using namespace std::chrono_literals;

namespace {

constexpr Bytes kLimit = Bytes{48} << 20;

// Grows by 1 MiB steps without end, as fast as it can.
Command eater() {
    Command command;
    command.arguments = {"sh", "-c", "x=0123456789abcdef; while :; do x=$x$x; done"};
    command.standard_output = Command::Stream::null;
    return command;
}

Command shell(const std::string& script) {
    Command command;
    command.arguments = {"sh", "-c", script};
    return command;
}

// A version 2 hierarchy of plain files, with the group that create() will find there under the name "here".
void fake_version_2(const test::FakeSystem& system) {
    system.write("/proc/self/cgroup", "0::/us\n");
    system.write("/cgroup/cgroup.controllers", "memory\n");
    system.write("/cgroup/us/cgroup.subtree_control", "cpu memory\n");
    for (const char* file : {"memory.max", "memory.swap.max", "cgroup.procs"}) system.write(std::string("/cgroup/us/here/") + file, "");
    system.write("/cgroup/us/here/memory.events", "oom 0\noom_kill 0\n");
}

}  // namespace

TEST_CASE("a command that outgrows its cgroup is told as OOM-killed, and the cgroup is removed") {
    std::string path;
    {
        const MemoryLimit limit = MemoryLimit::create(kLimit);
        if (limit.means() == MemoryLimit::Means::data_segment) {
            MESSAGE("no memory cgroup can be made here: " << limit.warning());
            return;
        }
        path = limit.cgroup()->path;
        CHECK(limit.warning().empty());
        Command command = eater();
        limit.put_on(command);
        Child child = Child::start(command);
        const auto status = child.wait_for(20s);
        REQUIRE(status);
        const Termination termination = limit.termination_of(*status);
        CHECK(termination.cause == Termination::Cause::oom_killed);
        CHECK(termination.oom_kills >= 1);
        CHECK(termination.text.starts_with("OOM-killed at its limit of 48 MiB (peak "));
        REQUIRE(termination.peak_bytes);
        CHECK(*termination.peak_bytes <= kLimit);
        CHECK(*termination.peak_bytes >= kLimit / 2);
    }
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("any other end under a limit is no OOM kill") {
    const MemoryLimit limit = MemoryLimit::create(kLimit);
    const auto death_by = [&](const std::string& script) {
        Command command = shell(script);
        limit.put_on(command);
        return limit.termination_of(Child::start(command).wait());
    };
    const Termination killed = death_by("kill -KILL $$");
    CHECK(killed.cause == Termination::Cause::signalled);
    CHECK(killed.oom_kills == 0);
    CHECK(killed.text.starts_with("ended with signal 9"));
    const Termination exited = death_by("exit 3");
    CHECK(exited.cause == Termination::Cause::exited);
    CHECK(exited.text == "ended with exit code 3");
}

TEST_CASE("what a command left running in its cgroup is ended with the limit") {
    int left = 0;
    std::string path;
    {
        const MemoryLimit limit = MemoryLimit::create(kLimit);
        if (limit.means() == MemoryLimit::Means::data_segment) return;
        path = limit.cgroup()->path;
        const TemporaryDirectory directory;
        // setsid: out of the process group that Child ends.
        Command command = shell("setsid sleep 600 >/dev/null 2>&1 & echo $! > " + directory.path() + "/pid");
        limit.put_on(command);
        Child::start(command).wait();
        left = std::stoi(read_file(directory.path() + "/pid"));
    }
    CHECK_FALSE(std::filesystem::exists(path));
    // Gone, or a zombie that its new parent has not reaped yet.
    const auto text = read_small_file("/proc/" + std::to_string(left) + "/stat");
    const auto stat = text ? parse_stat(*text) : std::nullopt;
    CHECK((!stat || stat->state == 'Z'));
}

TEST_CASE("version 2: the limit and no swap are set, the command enters, memory.events tells") {
    const test::FakeSystem system;
    fake_version_2(system);
    const MemoryLimit limit = MemoryLimit::create(kLimit, system.roots(), "here");
    CHECK(limit.warning() == "");
    REQUIRE(limit.means() == MemoryLimit::Means::cgroup_v2);
    CHECK(read_file(system.path("/cgroup/us/here/memory.max")) == std::to_string(kLimit));
    CHECK(read_file(system.path("/cgroup/us/here/memory.swap.max")) == "0");

    Command command = shell("kill -KILL $$");
    limit.put_on(command);
    const ExitStatus status = Child::start(command).wait();
    CHECK(read_file(system.path("/cgroup/us/here/cgroup.procs")).starts_with("0"));
    CHECK(limit.termination_of(status).cause == Termination::Cause::signalled);
    system.write("/cgroup/us/here/memory.events", "oom 1\noom_kill 1\n");
    system.write("/cgroup/us/here/memory.peak", std::to_string(kLimit) + "\n");
    const Termination termination = limit.termination_of(status);
    CHECK(termination.cause == Termination::Cause::oom_killed);
    CHECK(termination.text == "OOM-killed at its limit of 48 MiB (peak 48 MiB)");
    ExitStatus exited;
    exited.code = 0;
    CHECK(limit.termination_of(exited).text == "ended with exit code 0; 1 of its children OOM-killed at the limit of 48 MiB");
}

TEST_CASE("version 2: a group that is not handed the memory controller leads to the one above") {
    const test::FakeSystem system;
    fake_version_2(system);
    system.write("/proc/self/cgroup", "0::/us/leaf\n");
    system.write("/cgroup/us/leaf/cgroup.subtree_control", "\n");
    system.write("/cgroup/us/leaf/cgroup.type", "domain\n");
    const MemoryLimit limit = MemoryLimit::create(kLimit, system.roots(), "here");
    REQUIRE(limit.cgroup());
    CHECK(limit.cgroup()->path == system.roots().cgroup + "/us/here");
}

TEST_CASE("without a cgroup the limit is RLIMIT_DATA, and the warning says why and what differs") {
    const test::FakeSystem system;
    const MemoryLimit limit = MemoryLimit::create(kLimit, system.roots());
    REQUIRE(limit.means() == MemoryLimit::Means::data_segment);
    CHECK(limit.warning() == "no memory cgroup (no cgroup file system is mounted at " + system.roots().cgroup +
                                 "): the limit is RLIMIT_DATA instead, which counts private writable mappings whether touched or not, "
                                 "leaves out page cache and shared memory, and makes allocations fail where a container would be "
                                 "OOM-killed");
    const TemporaryDirectory directory;
    Command command = shell("ulimit -d > " + directory.path() + "/limit");
    limit.put_on(command);
    CHECK(Child::start(command).wait().code == 0);
    CHECK(read_file(directory.path() + "/limit") == std::to_string(kLimit / 1024) + "\n");

    Command greedy = eater();
    limit.put_on(greedy);
    Child child = Child::start(greedy);
    const auto status = child.wait_for(20s);
    REQUIRE(status);
    CHECK(status->signal != SIGKILL);
    CHECK(limit.termination_of(*status, kLimit).cause == Termination::Cause::allocation_failed);
    CHECK(limit.termination_of(*status, kLimit / 2).cause == Termination::Cause::exited);
}

TEST_CASE("a limit that nothing can start in is refused") { CHECK_THROWS_AS(MemoryLimit::create(1000), Error); }
