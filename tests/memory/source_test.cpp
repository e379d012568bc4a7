#include "memory/source.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "fake_system.hpp"
#include "system/child_process.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <thread>

using namespace leakline;
using namespace leakline::memory;

namespace {

const Bytes kPage = static_cast<Bytes>(::sysconf(_SC_PAGESIZE));

std::vector<MemorySample> samples_of(MemorySource& source, Depth depth) {
    std::vector<MemorySample> samples;
    source.read(depth, std::chrono::seconds(5), [&](const Subject&, const MemorySample& sample) { samples.push_back(sample); });
    return samples;
}

std::string message_of(int pid, const SystemRoots& roots) {
    try {
        process_source(pid, {Metric::rss}, roots);
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("a quick read takes RSS from statm and leaves the rest absent") {
    const test::FakeSystem system;
    system.process(7, "server", 250, 1000);
    system.write("/proc/7/smaps_rollup", "Rss: 9999 kB\nPss: 317 kB\n");
    const auto source = process_source(7, {Metric::rss, Metric::pss}, system.roots());
    const auto samples = samples_of(*source, Depth::quick);
    REQUIRE(samples.size() == 1);
    CHECK(samples[0].at == std::chrono::seconds(5));
    CHECK(samples[0][Metric::rss] == 250 * kPage);
    CHECK_FALSE(samples[0][Metric::pss]);
    CHECK(source->subject() == Subject{"server", 7, 1000});
}

TEST_CASE("a detailed read adds what smaps_rollup, status, stat and fd say") {
    const test::FakeSystem system;
    system.process(7, "server", 250, 1000);
    system.write("/proc/7/smaps_rollup",
                 "Rss: 9999 kB\nPss: 317 kB\nPrivate_Clean: 10 kB\nPrivate_Dirty: 5 kB\nAnonymous: 4 kB\nSwap: 2 kB\n");
    system.write("/proc/7/status", "RssAnon: 1 kB\nRssFile: 20 kB\nRssShmem: 3 kB\nVmSwap: 1 kB\n");
    std::vector<Metric> all;
    for (std::size_t i = 0; i < kMetricCount; ++i) all.push_back(static_cast<Metric>(i));
    const auto source = process_source(7, all, system.roots());
    const auto samples = samples_of(*source, Depth::detailed);
    REQUIRE(samples.size() == 1);
    CHECK(samples[0][Metric::pss] == 317 * 1024);
    CHECK(samples[0][Metric::uss] == 15 * 1024);
    CHECK(samples[0][Metric::anonymous] == 4 * 1024);
    CHECK(samples[0][Metric::swap] == 2 * 1024);
    CHECK(samples[0][Metric::file] == 20 * 1024);
    CHECK(samples[0][Metric::shmem] == 3 * 1024);
    CHECK(samples[0][Metric::threads] == 3);
    CHECK_FALSE(samples[0][Metric::cgroup]);
}

TEST_CASE("anonymous and swap come from status where smaps_rollup may not be read") {
    const test::FakeSystem system;
    system.process(7, "server", 250, 1000);
    system.write("/proc/7/status", "RssAnon: 1 kB\nVmSwap: 6 kB\n");
    const auto source = process_source(7, {Metric::pss, Metric::anonymous, Metric::swap}, system.roots());
    const auto samples = samples_of(*source, Depth::detailed);
    REQUIRE(samples.size() == 1);
    CHECK_FALSE(samples[0][Metric::pss]);
    CHECK(samples[0][Metric::anonymous] == 1024);
    CHECK(samples[0][Metric::swap] == 6 * 1024);
}

TEST_CASE("a pid that another process took over is a process that has gone") {
    const test::FakeSystem system;
    system.process(7, "server", 250, 1000);
    const auto source = process_source(7, {Metric::rss}, system.roots());
    CHECK(samples_of(*source, Depth::detailed).size() == 1);
    system.process(7, "other", 90, 2000);
    CHECK(samples_of(*source, Depth::detailed).empty());
}

TEST_CASE("a process that becomes a zombie has gone") {
    const test::FakeSystem system;
    system.process(7, "server", 250, 1000);
    const auto source = process_source(7, {Metric::rss}, system.roots());
    system.write("/proc/7/statm", "0 0 0 0 0 0 0\n");
    CHECK(samples_of(*source, Depth::quick).empty());
}

TEST_CASE("what cannot be sampled says why") {
    const test::FakeSystem system;
    CHECK(message_of(7, system.roots()) == "pid 7: there is no such process");
    system.process(8, "dead", 0, 1000, 1, 'Z');
    CHECK(message_of(8, system.roots()) == "pid 8: has ended (a zombie that its parent has not waited for)");
    system.process(9, "kworker", 0, 1000);
    system.write("/proc/9/statm", "0 0 0 0 0 0 0\n");
    CHECK(message_of(9, system.roots()) == "pid 9: has no memory of its own (a kernel thread, or it has just ended)");
}

TEST_CASE("a process that executes another program later is read as what it is then") {
    Command command;
    // Starts small, and becomes another shell that holds a string of 32 MiB.
    command.arguments = {"sh", "-c", "sleep 0.2; exec sh -c 'x=x; i=0; while [ $i -lt 25 ]; do x=$x$x; i=$((i+1)); done; sleep 30; :'"};
    Child child = Child::start(command);
    const auto source = process_source(child.pid(), {Metric::rss, Metric::pss});
    const auto before = samples_of(*source, Depth::detailed);
    REQUIRE(before.size() == 1);
    CHECK(*before[0][Metric::pss] < 10'000'000);
    std::optional<MemorySample> after;
    for (int attempt = 0; attempt < 500; ++attempt) {
        const auto now = samples_of(*source, Depth::detailed);
        REQUIRE(now.size() == 1);
        if (now[0][Metric::pss].value_or(0) > 20'000'000) {
            after = now[0];
            break;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    REQUIRE(after);
    CHECK(*(*after)[Metric::rss] > 20'000'000);
}

TEST_CASE("our own RSS by statm is near the one by smaps_rollup") {
    const auto source = process_source(::getpid(), {Metric::rss, Metric::pss, Metric::uss});
    const auto samples = samples_of(*source, Depth::detailed);
    REQUIRE(samples.size() == 1);
    REQUIRE(samples[0][Metric::rss]);
    REQUIRE(samples[0][Metric::pss]);
    CHECK(*samples[0][Metric::pss] <= *samples[0][Metric::rss] + (8u << 20));
    CHECK(*samples[0][Metric::uss] <= *samples[0][Metric::pss]);
}
