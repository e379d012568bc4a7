#include <doctest/doctest.h>
#include <unistd.h>

#include <map>

#include "base/error.hpp"
#include "fake_system.hpp"
#include "memory/source.hpp"
#include "system/find_process.hpp"

using namespace leakline;
using namespace leakline::memory;

namespace {

const Bytes kPage = static_cast<Bytes>(::sysconf(_SC_PAGESIZE));

// What one read hands over, by pid.
std::map<int, MemorySample> read(MemorySource& source, Depth depth) {
    std::map<int, MemorySample> samples;
    source.read(depth, {}, [&](const Subject& subject, const MemorySample& sample) { samples[subject.pid] = sample; });
    return samples;
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

// 7 started 8, which started 9; 9 has two threads, and the second started 10. 11 is nobody's.
void family(const test::FakeSystem& system) {
    system.process(7, "master", 100, 1000);
    system.process(8, "worker", 20, 1100, 7);
    system.process(9, "worker", 3, 1200, 8);
    system.process(10, "late", 4, 1300, 9);
    system.process(11, "other", 5000, 1400);
    system.write("/proc/7/task/7/children", "8 ");
    system.write("/proc/8/task/8/children", "9 ");
    system.write("/proc/9/task/99/children", "10 ");
}

}  // namespace

TEST_CASE("a tree is summed over all generations, those started by other threads too") {
    const test::FakeSystem system;
    family(system);
    const auto source = tree_source(7, {Metric::rss}, Descendants::summed, system.roots());
    const auto samples = read(*source, Depth::detailed);
    REQUIRE(samples.size() == 1);
    CHECK(samples.at(7)[Metric::rss] == (100 + 20 + 3 + 4) * kPage);
}

TEST_CASE("a tree one by one has a sample a process") {
    const test::FakeSystem system;
    family(system);
    const auto source = tree_source(7, {Metric::rss}, Descendants::each, system.roots());
    const auto samples = read(*source, Depth::detailed);
    REQUIRE(samples.size() == 4);
    CHECK(samples.at(9)[Metric::rss] == 3 * kPage);
    CHECK_FALSE(samples.contains(11));
}

TEST_CASE("a child that comes is counted at the next tick, one that ends no more") {
    const test::FakeSystem system;
    family(system);
    const auto source = tree_source(7, {Metric::rss}, Descendants::each, system.roots());
    CHECK(read(*source, Depth::quick).size() == 4);
    system.process(12, "new", 6, 1500, 7);
    system.write("/proc/7/task/7/children", "8 12 ");
    system.write("/proc/8/statm", "0 0 0 0 0 0 0\n");
    const auto samples = read(*source, Depth::quick);
    CHECK(samples.contains(12));
    CHECK_FALSE(samples.contains(8));
    CHECK(samples.contains(9));  // its parent has gone; it is still of the tree
}

TEST_CASE("a sum that lacks one process's part is absent rather than too small") {
    const test::FakeSystem system;
    family(system);
    for (const int pid : {7, 8, 9}) system.write("/proc/" + std::to_string(pid) + "/smaps_rollup", "Rss: 9 kB\nPss: 5 kB\n");
    const auto source = tree_source(7, {Metric::rss, Metric::pss}, Descendants::summed, system.roots());
    CHECK_FALSE(read(*source, Depth::detailed).at(7)[Metric::pss]);
    system.write("/proc/10/smaps_rollup", "Rss: 9 kB\nPss: 5 kB\n");
    CHECK(read(*source, Depth::detailed).at(7)[Metric::pss] == 20 * 1024);
}

TEST_CASE("where the kernel does not list children, parents are looked for in all of /proc") {
    const test::FakeSystem system;
    family(system);
    for (const int pid : {7, 8, 9, 10}) system.remove("/proc/" + std::to_string(pid) + "/task");
    const auto source = tree_source(7, {Metric::rss}, Descendants::summed, system.roots());
    CHECK(read(*source, Depth::detailed).at(7)[Metric::rss] == 127 * kPage);
}

TEST_CASE("a tree ends with its root") {
    const test::FakeSystem system;
    family(system);
    const auto source = tree_source(7, {Metric::rss}, Descendants::summed, system.roots());
    system.write("/proc/7/statm", "0 0 0 0 0 0 0\n");
    CHECK(read(*source, Depth::quick).empty());
}

TEST_CASE("a name is that of comm, of the executable or of argv[0]") {
    const test::FakeSystem system;
    system.process(7, "api", 1, 1);
    system.process(8, "a-long-name-cut", 1, 1);
    std::filesystem::create_symlink("/usr/bin/a-long-name-cut-short", system.path("/proc/8/exe"));
    system.process(9, "python3", 1, 1);
    system.write("/proc/9/cmdline", std::string("/srv/api\0--port\0001", 18));
    system.process(10, "api", 0, 1, 1, 'Z');
    CHECK(processes_named("api", system.roots()) == std::vector<int>{7, 9});
    CHECK(processes_named("a-long-name-cut-short", system.roots()) == std::vector<int>{8});
    CHECK(message_of([&] { processes_named("apo", system.roots()); }) ==
          "--name: no process is named 'apo'\n"
          "  hint: give the program name without its directory; ps -e lists the names");
}

TEST_CASE("the addresses of a network namespace are those of its routes to itself") {
    CHECK(
        own_addresses("Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 127.0.0.1\n        /32 host LOCAL\n     +-- 172.17.0.0/16 2 0 2\n"
                      "           |-- 172.17.0.0\n              /16 link UNICAST\n           |-- 172.17.0.2\n              /32 host LOCAL\n"
                      "Local:\n           |-- 172.17.0.2\n              /32 host LOCAL\n") == std::vector<std::string>{"172.17.0.2"});
    CHECK(own_addresses("/32 host LOCAL").empty());
    CHECK(own_addresses("").empty());
}

TEST_CASE("the owner of a port is found by the inode of its listening socket") {
    const std::string table =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0\n"
        "   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0\n"
        "   2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0\n";
    CHECK(listening_inodes(table, 8080) == std::vector<std::uint64_t>{4711});
    CHECK(listening_inodes("", 8080).empty());
    CHECK(listening_inodes("0: x 0 0A", 8080).empty());
    const auto address = [](const std::string& local) {
        const auto sockets =
            parse_listening("0: " + local + " 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 42 1 0 100 0 0 10 0");
        return sockets.size() == 1 ? sockets[0].address + " " + std::to_string(sockets[0].port) + " " + std::to_string(sockets[0].inode)
                                   : "";
    };
    CHECK(address("0100007F:1F90") == "127.0.0.1 8080 42");
    CHECK(address("0200A8C0:0050") == "192.168.0.2 80 42");
    CHECK(address("00000000:1F90") == "127.0.0.1 8080 42");  // all addresses
    CHECK(address("00000000000000000000000000000000:1F90") == "127.0.0.1 8080 42");
    CHECK(address("00000000000000000000000001000000:1F90") == "::1 8080 42");
    CHECK(address("0000000000000000FFFF00000100007F:1F90") == "127.0.0.1 8080 42");
    CHECK(address("0100007F:11F90") == "");
    CHECK(has_connection(table, {"127.0.0.1", 8080}, {"127.0.0.1", 50000}));
    CHECK_FALSE(has_connection(table, {"127.0.0.1", 8080}, {"127.0.0.1", 50001}));
    CHECK_FALSE(has_connection(table, {"127.0.0.1", 8081}, {"127.0.0.1", 50000}));
    CHECK_FALSE(has_connection("0: x y 01 a b c d e f g\n", {"", 0}, {"", 0}));

    const test::FakeSystem system;
    system.write("/proc/net/tcp", table);
    for (const int pid : {7, 8, 9}) std::filesystem::create_directories(system.path("/proc/" + std::to_string(pid) + "/fd"));
    system.process(7, "master", 1, 1);
    system.process(8, "worker", 1, 2, 7);  // inherited the socket
    system.process(9, "other", 1, 3);
    std::filesystem::create_symlink("socket:[4711]", system.path("/proc/7/fd/3"));
    std::filesystem::create_symlink("socket:[4711]", system.path("/proc/8/fd/3"));
    std::filesystem::create_symlink("socket:[4713]", system.path("/proc/9/fd/3"));
    CHECK(processes_on_port(8080, system.roots()) == std::vector<int>{7});
    CHECK(message_of([&] { processes_on_port(80, system.roots()); }) ==
          "--port 80: nothing listens on this TCP port\n"
          "  hint: ss -ltnp shows what listens; a container has ports of its own, use --container");
}
