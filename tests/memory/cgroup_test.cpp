#include "memory/cgroup.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "fake_system.hpp"

using namespace leakline;
using namespace leakline::memory;
using Version = CgroupDirectory::Version;

namespace {

const std::vector<Metric> kAll = {Metric::cgroup, Metric::cgroup_anonymous, Metric::cgroup_limit, Metric::cgroup_oom_kills,
                                  Metric::cgroup_limit_hits};

std::optional<MemorySample> read(MemorySource& source, Depth depth) {
    std::optional<MemorySample> result;
    source.read(depth, {}, [&](const Subject&, const MemorySample& sample) { result = sample; });
    return result;
}

template <typename Function>
std::string message_of(Function function) {
    try {
        function();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("the memory cgroup of a process is found in /proc/PID/cgroup") {
    const auto hybrid = parse_cgroup_membership("9:cpu,cpuacct:/a\n4:memory:/b:c/d\n0::/e\n");
    REQUIRE(hybrid);
    CHECK(hybrid->version == Version::v1);
    CHECK(hybrid->path == "/b:c/d");
    const auto unified = parse_cgroup_membership("0::/user.slice/x.scope\n");
    REQUIRE(unified);
    CHECK(unified->version == Version::v2);
    CHECK(unified->path == "/user.slice/x.scope");
    CHECK_FALSE(parse_cgroup_membership(""));
    CHECK_FALSE(parse_cgroup_membership("3:cpuset:/\n"));
}

TEST_CASE("a version 2 cgroup gives current, anon, kills and the smallest limit above it") {
    const test::FakeSystem system;
    system.write("/cgroup/cgroup.controllers", "memory\n");
    system.write("/cgroup/a/memory.current", "9000\n");
    system.write("/cgroup/a/memory.max", "5000\n");
    system.write("/cgroup/a/b/memory.current", "4096\n");
    system.write("/cgroup/a/b/memory.max", "max\n");
    system.write("/cgroup/a/b/memory.stat", "anon_thp 7\nanon 1234\nfile 5\n");
    system.write("/cgroup/a/b/memory.events", "low 0\nmax 9\noom 3\noom_kill 2\n");
    const auto source = cgroup_source(open_cgroup("a/b", system.roots()), kAll, system.roots());
    const auto quick = read(*source, Depth::quick);
    REQUIRE(quick);
    CHECK((*quick)[Metric::cgroup] == 4096);
    CHECK_FALSE((*quick)[Metric::cgroup_anonymous]);
    const auto detailed = read(*source, Depth::detailed);
    REQUIRE(detailed);
    CHECK((*detailed)[Metric::cgroup_anonymous] == 1234);
    CHECK((*detailed)[Metric::cgroup_limit] == 5000);
    CHECK((*detailed)[Metric::cgroup_oom_kills] == 2);
    CHECK((*detailed)[Metric::cgroup_limit_hits] == 9);
}

TEST_CASE("a version 1 cgroup without a limit has none") {
    const test::FakeSystem system;
    system.write("/cgroup/memory/memory.usage_in_bytes", "90000\n");
    system.write("/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    system.write("/cgroup/memory/x/memory.usage_in_bytes", "777\n");
    system.write("/cgroup/memory/x/memory.limit_in_bytes", "9223372036854771712\n");
    system.write("/cgroup/memory/x/memory.stat", "rss 1\ntotal_rss 55\n");
    system.write("/cgroup/memory/x/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
    system.write("/cgroup/memory/x/memory.failcnt", "6\n");
    system.write("/proc/7/cgroup", "4:memory:/x\n0::/\n");
    const auto directory = memory_cgroup_of(7, system.roots());
    REQUIRE(directory);
    CHECK(directory->version == Version::v1);
    const auto sample = read(*cgroup_source(*directory, kAll, system.roots()), Depth::detailed);
    REQUIRE(sample);
    CHECK((*sample)[Metric::cgroup] == 777);
    CHECK((*sample)[Metric::cgroup_anonymous] == 55);
    CHECK_FALSE((*sample)[Metric::cgroup_limit]);
    CHECK((*sample)[Metric::cgroup_oom_kills] == 4);
    CHECK((*sample)[Metric::cgroup_limit_hits] == 6);
}

TEST_CASE("the room of a process is what is free below the nearest limit above it, with pages of files") {
    const test::FakeSystem system;
    system.write("/cgroup/cgroup.controllers", "memory\n");
    system.write("/cgroup/a/memory.current", "9000\n");
    system.write("/cgroup/a/memory.max", "10000\n");
    system.write("/cgroup/a/memory.stat", "anon 3000\ninactive_file 4000\nactive_file 500\n");
    system.write("/cgroup/a/b/memory.current", "2000\n");
    system.write("/cgroup/a/b/memory.max", "8000\n");
    system.write("/proc/7/cgroup", "0::/a/b\n");
    const auto room = cgroup_room(7, system.roots());
    REQUIRE(room);
    CHECK(room->limit == 10000);
    CHECK(room->free == 5500);    // 10000 - (9000 - 4500)
    CHECK(room->unused == 1000);  // 10000 - 9000

    const test::FakeSystem first;
    first.write("/cgroup/memory/memory.usage_in_bytes", "90000\n");
    first.write("/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    first.write("/cgroup/memory/x/memory.usage_in_bytes", "777\n");
    first.write("/cgroup/memory/x/memory.limit_in_bytes", "1000\n");
    first.write("/cgroup/memory/x/memory.stat", "inactive_file 1\ntotal_inactive_file 100\ntotal_active_file 77\n");
    first.write("/proc/7/cgroup", "4:memory:/x\n0::/\n");
    first.write("/proc/8/cgroup", "4:memory:/\n0::/\n");
    REQUIRE(cgroup_room(7, first.roots()));
    CHECK(cgroup_room(7, first.roots())->free == 400);
    CHECK_FALSE(cgroup_room(8, first.roots()));
}

TEST_CASE("inside a container, whose path is not mounted, the mount's root is the cgroup") {
    const test::FakeSystem system;
    system.write("/cgroup/memory/memory.usage_in_bytes", "90000\n");
    system.write("/proc/7/cgroup", "4:memory:/docker/0123456789ab\n");
    const auto directory = memory_cgroup_of(7, system.roots());
    REQUIRE(directory);
    CHECK(directory->path == system.roots().cgroup + "/memory");
}

TEST_CASE("a container is found by the id in its cgroup's name") {
    const test::FakeSystem system;
    const std::string id = "0123456789abcdef0123456789abcdef";
    system.write("/cgroup/cgroup.controllers", "memory\n");
    system.write("/cgroup/system.slice/docker-" + id + ".scope/memory.current", "5\n");
    system.write("/cgroup/system.slice/docker-" + id + ".scope/init/" + id + "/memory.current", "1\n");
    CHECK(container_cgroup("0123456789ab", system.roots()).path == system.roots().cgroup + "/system.slice/docker-" + id + ".scope");
    CHECK(message_of([&] { container_cgroup("ffffffffffff", system.roots()); }) ==
          "container ffffffffffff: no cgroup below " + system.roots().cgroup + " has this id\n  hint: is it running? docker ps --no-trunc");
    CHECK(message_of([&] { container_cgroup("0123", system.roots()); }) ==
          "--container: '0123' is too short to name one container\n"
          "  hint: docker ps --no-trunc shows the ids; at least 12 characters are needed");
}

TEST_CASE("what is no memory cgroup is refused, with the reason") {
    const test::FakeSystem system;
    system.write("/cgroup/cgroup.controllers", "memory\n");
    CHECK(message_of([&] { open_cgroup("nowhere", system.roots()); }) ==
          "nowhere: there is no such cgroup\n  hint: cat /proc/PID/cgroup shows the one of a process");
}

TEST_CASE("a cgroup that is removed has gone") {
    const test::FakeSystem system;
    system.write("/cgroup/cgroup.controllers", "memory\n");
    system.write("/cgroup/a/memory.current", "5\n");
    const auto source = cgroup_source(open_cgroup("a", system.roots()), kAll, system.roots());
    CHECK(read(*source, Depth::quick));
    system.write("/cgroup/a/memory.current", "");  // what a read of a removed group's open file amounts to
    CHECK_FALSE(read(*source, Depth::quick));
}
