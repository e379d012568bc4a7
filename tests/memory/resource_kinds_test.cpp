#include "memory/resource_kinds.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "fake_system.hpp"
#include "memory/count_series.hpp"
#include "memory/internal/ipc_objects.hpp"
#include "memory/process_tree.hpp"
#include "memory/resource_marks.hpp"
#include "memory/resource_probe.hpp"

using namespace leakline;
using namespace leakline::memory;

TEST_CASE("names are folded to what they have in common") {
    CHECK(folded_name("worker-12") == "worker-*");
    CHECK(folded_name("/var/log/app-2026-11-28.log") == "/var/log/app-*-*-*.log");
    CHECK(folded_name("/tmp/upload.Xa81bC") == "/tmp/upload.*");
    CHECK(folded_name("/tmp/tmpk3j2h_9x") == "/tmp/*_*x");
    CHECK(folded_name("/srv/SessionStore/main.db") == "/srv/SessionStore/main.db");
    CHECK(folded_name("/data/3f2504e04f8911d39a0c0305e82c3301/part") == "/data/*/part");
    CHECK(folded_name("") == "");
}

TEST_CASE("sockets are told by state and peer, and our own connections by their other end") {
    // 127.0.0.1:8080 listens, a client of ours (port 40000) is connected, another has gone, and one goes out to 10.0.0.5:5432.
    const std::string tcp =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1\n"
        "   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 101 1\n"
        "   2: 0100007F:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 102 1\n"
        "   3: 0100007F:1F90 0100007F:9C41 08 00000000:00000000 00:00000000 00000000     0        0 103 1\n"
        "   4: 0700000A:C350 0500000A:1538 01 00000000:00000000 00:00000000 00000000     0        0 104 1\n";
    SocketTable table;
    table.add_tcp(tcp);
    table.add_unix(
        "Num       RefCount Protocol Flags    Type St Inode Path\n"
        "ffff0000: 00000003 00000000 00000000 0001 03 200\n"
        "ffff0000: 00000002 00000000 00010000 0001 01 201 /run/svc/db1.sock\n");
    CHECK(table.kind(100) == "TCP LISTEN on 127.0.0.1:8080");
    CHECK(table.kind(103) == "TCP CLOSE_WAIT on port 8080 from 127.0.0.1");
    CHECK(table.kind(104) == "TCP ESTABLISHED to 10.0.0.5:5432");
    CHECK(table.kind(200) == "unix socket");
    CHECK(table.kind(201) == "unix socket /run/svc/db*.sock");
    CHECK(table.kind(999) == "socket (not connected)");
    CHECK(table.peers_of({102}) == std::set<std::uint64_t>{101});
    CHECK(address_text("0000000000000000FFFF00000100007F:0050") == "127.0.0.1:80");
    CHECK(address_text("00000000000000000000000001000000:0050") == "[0:0:0:0:0:0:0:1]:80");
    CHECK_FALSE(address_text("7F:0050").has_value());
    CHECK(descriptor_kind("socket:[103]", table) == "TCP CLOSE_WAIT on port 8080 from 127.0.0.1");
    CHECK(descriptor_kind("pipe:[7]", table) == "pipe");
    CHECK(descriptor_kind("anon_inode:[eventfd]", table) == "eventfd");
    CHECK(descriptor_kind("/tmp/a1 (deleted)", table) == "deleted file /tmp/a*");
    CHECK(descriptor_kind("/dev/null", table) == "device /dev/null");
    CHECK(descriptor_kind("/memfd:heap (deleted)", table) == "memfd heap");
}

TEST_CASE("mappings by path or by their rights, and limits") {
    CHECK(mapping_kind("7f0000000000-7f0000001000 r--p 00000000 08:01 123 /usr/lib/x86_64-linux-gnu/libc.so.6") ==
          "file /usr/lib/x*_*-linux-gnu/libc.so.*");
    CHECK(mapping_kind("7f0000000000-7f0000001000 rw-p 00000000 00:00 0 ") == "anonymous memory rw-p");
    CHECK(mapping_kind("55d000000000-55d000021000 rw-p 00000000 00:00 0                          [heap]") == "[heap]");
    CHECK(mapping_kind("7f00-7f10 rw-p 00000000 08:01 5 /srv/a b.db") == "file /srv/a b.db");
    CHECK_FALSE(mapping_kind("Rss: 12 kB").has_value());
    const ProcessLimits limits = parse_limits(
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max processes             unlimited            unlimited            processes \n"
        "Max open files            1024                 1048576              files     \n");
    CHECK(limits.open_files == 1024);
    CHECK_FALSE(limits.processes.has_value());
}

TEST_CASE("a probe of this process sees what it opens, by kind; what is gone is left out") {
    memory::ProcessTree tree(::getpid(), {});
    const ProcessReading self = tree.read(Depth::detailed).front();
    const ProcessId ids[] = {{self.pid, self.start_ticks, self.name, false}, {1 << 30, 1, "gone", false}};
    const ResourceSnapshot before = probe_resources(ids, IpcLook::taken);
    REQUIRE(before.processes.size() == 1);
    const int event = ::eventfd(0, EFD_CLOEXEC);
    const ResourceSnapshot after = probe_resources(ids, IpcLook::taken);
    ::close(event);
    const auto count = [](const ResourceSnapshot& snapshot, const char* kind) {
        const auto& kinds = snapshot.processes[0].kinds[0];
        const auto found = kinds.find(kind);
        return found == kinds.end() ? std::uint64_t{0} : found->second;
    };
    CHECK(count(after, "eventfd") == count(before, "eventfd") + 1);
    CHECK(*after.processes[0].count[0] == *before.processes[0].count[0] + 1);
    CHECK(after.processes[0].count[1].value_or(0) >= 1);
    CHECK(after.processes[0].count[2].value_or(0) >= 10);
    CHECK(after.processes[0].limits.open_files.has_value());
    CHECK(after.most_mappings.has_value());
}

TEST_CASE("a process that ends and is not waited for stays in the tree as a zombie, without memory") {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
    memory::ProcessTree tree(::getpid(), {});
    const std::vector<ProcessReading> readings = tree.read(Depth::detailed);
    const auto zombie = std::find_if(readings.begin(), readings.end(), [&](const ProcessReading& r) { return r.pid == child; });
    REQUIRE(zombie != readings.end());
    CHECK(zombie->zombie);
    CHECK(zombie->private_bytes == 0);
    ::waitpid(child, nullptr, 0);
    const std::vector<ProcessReading> later = tree.read(Depth::detailed);
    CHECK(std::none_of(later.begin(), later.end(), [&](const ProcessReading& r) { return r.pid == child; }));
}

TEST_CASE("private memory is what is resident less what is shared with files") {
    test::FakeSystem system;
    system.process(7, "svc", 500, 1000);  // ten pages of it shared
    memory::ProcessTree tree(7, system.roots());
    const auto page = static_cast<Bytes>(::sysconf(_SC_PAGESIZE));
    const std::vector<ProcessReading>& readings = tree.read(Depth::quick);
    REQUIRE(readings.size() == 1);
    CHECK(readings[0].resident == 500 * page);
    CHECK(readings[0].private_bytes == 490 * page);
}

TEST_CASE("shared memory counts once where the kernel says who shares it, and as that of whoever changed most where it does not") {
    test::FakeSystem system;
    system.process(7, "svc", 500, 1000);
    system.process(8, "worker", 500, 1100, 7);
    system.write("/proc/7/task/7/children", "8 ");
    const auto shared = [&](int pid, int kib, int pss_kib) {
        const std::string folder = "/proc/" + std::to_string(pid);
        system.write(folder + "/status", "RssShmem: " + std::to_string(kib) + " kB\n");
        if (pss_kib >= 0) system.write(folder + "/smaps_rollup", "Rss: 9 kB\nPss_Shmem: " + std::to_string(pss_kib) + " kB\n");
    };
    shared(7, 400, -1);
    shared(8, 0, -1);
    memory::ProcessTree tree(7, system.roots());
    const auto kib = [&] {
        tree.read(Depth::detailed);
        return tree.shared_memory() / 1024;
    };
    CHECK(kib() == 400);  // of one process: no walk
    shared(8, 300, -1);
    CHECK(kib() == 700);  // smaps_rollup cannot be read: they may be pages of its own
    shared(7, 700, -1);
    CHECK(kib() == 700);  // the same ones, as far as is known
    shared(7, 900, -1);
    CHECK(kib() == 900);
    ProcessReading first, second;
    first.pid = 7;
    second.pid = 8;
    first.shared_memory = 400 << 10;
    second.shared_memory = 300 << 10;
    shared(7, 400, 250);
    shared(8, 300, 150);
    SharedMemory memory;
    memory.add({first, second}, system.roots(), std::chrono::seconds(1));
    CHECK(memory.bytes() == 400 << 10);
    second.shared_memory += 140 << 10;  // a walk takes time: the next one is not due
    shared(7, 440, 9000);
    memory.add({first, second}, system.roots(), std::chrono::milliseconds(1500));
    CHECK(memory.bytes() == 540 << 10);
    memory.add({first, second}, system.roots(), std::chrono::seconds(60));
    CHECK(memory.bytes() == 9150 << 10);
}

TEST_CASE("counts are read from the samples that leakline writes") {
    const std::vector<CountSeries> series = count_series(
        "unix_ms,rss_bytes,threads,fds\n"
        "1000,4096,3,10\n"
        "2000,4096,,11\n"
        "2000,4096,4,11\n"
        "3500,4096,5,x\n");
    REQUIRE(series.size() == 2);
    CHECK(series[0].resource == Resource::threads);
    CHECK(series[0].series.seconds == std::vector<double>{0, 1, 2.5});
    CHECK(series[0].series.value == std::vector<double>{3, 4, 5});
    CHECK(series[1].resource == Resource::descriptors);
    CHECK(series[1].series.value == std::vector<double>{10, 11});
    CHECK(count_series("unix_ms,pid,fds\n1,2,3\n").empty());
    CHECK(count_series("unix_ms,rss_bytes\n1,2\n").empty());
    CHECK(count_series("").empty());
}

TEST_CASE("System V objects are read by the columns of the kernel's tables") {
    const auto memory = parse_sysv_objects(
        "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime\n"
        "         0          1   600                 65536    42    42      0  1000  1000  1000  1000          0          0          0\n"
        "         0          2   600                 65536    43    43      2     0     0     0     0          0          0          0\n"
        "torn\n");
    REQUIRE(memory.size() == 2);
    CHECK(memory[0].owner == 1000);
    CHECK(memory[0].maker == 42);
    CHECK(memory[1].attached == 2);
    const auto semaphores = parse_sysv_objects(
        "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"
        "         0          0   600          1  1000  1000  1000  1000          0          0\n");
    REQUIRE(semaphores.size() == 1);
    CHECK_FALSE(semaphores[0].maker.has_value());
    CHECK(parse_sysv_objects("").empty());
    CHECK(parse_sysv_objects("no table\n1 2\n").empty());
}

TEST_CASE("a process's shared memory is counted after it was unmapped and closed, until it is removed") {
    const auto number = [](const std::string& kind) {
        const auto objects = ipc_objects_of({::getpid()}, {});
        REQUIRE(objects.has_value());
        const auto found = objects->kinds.find(kind);
        return found == objects->kinds.end() ? 0 : found->second;
    };
    // Letters, so that other copies of this test have another pattern.
    std::string name = "/leakline_test_";
    for (const char digit : std::to_string(::getpid())) name += static_cast<char>('a' + digit - '0');
    const auto before = number("file /dev/shm" + name + "-*");
    for (const char* which : {"-1", "-2", "-3"}) {
        const int file = ::shm_open((name + which).c_str(), O_CREAT | O_RDWR, 0600);
        REQUIRE(file >= 0);
        ::close(file);
    }
    CHECK(number("file /dev/shm" + name + "-*") == before + 3);
    for (const char* which : {"-1", "-2", "-3"}) ::shm_unlink((name + which).c_str());
    CHECK(number("file /dev/shm" + name + "-*") == before);

    // Only this process makes segments and attaches to them.
    const std::string attached = std::string(kSysvMemory) + ", attached";
    const auto attached_before = number(attached);
    const int segment = ::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    REQUIRE(segment >= 0);
    void* const memory = ::shmat(segment, nullptr, 0);
    CHECK(number(attached) == attached_before + 1);
    ::shmdt(memory);
    ::shmctl(segment, IPC_RMID, nullptr);
    CHECK(number(attached) == attached_before);
    CHECK_FALSE(ipc_objects_of({1 << 30}, {}).has_value());
}

TEST_CASE("a limit of the whole machine is near when other programs have taken most of it") {
    const auto near_limit = [](std::uint64_t of_others) {
        ResourceMarks marks;
        for (const std::uint64_t made : {0, 500, 1000}) {
            ResourceSnapshot snapshot;
            ProcessResources& process = snapshot.processes.emplace_back();
            process.pid = 1;
            process.start_ticks = 1;
            constexpr auto kIpc = static_cast<std::size_t>(Resource::ipc_objects);
            process.count[kIpc] = made;
            process.kinds[kIpc][kSysvMemory] = made;
            snapshot.ipc_limits = {{kSysvMemory, "kernel.shmmni", 4096, of_others}};
            marks.add(static_cast<double>(made), made, snapshot);
        }
        return marks.near_limit(Resource::ipc_objects);
    };
    CHECK_FALSE(near_limit(0));
    CHECK(near_limit(2500));
    CHECK(near_limit(3090));
}
