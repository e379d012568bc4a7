#include "diagnose/internal/tree_log.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <utility>

#include "memory/process_tree.hpp"
#include "memory/resource_marks.hpp"

using namespace leakline;
using namespace std::chrono_literals;

namespace {

class SteppingClock : public Clock {
  public:
    Nanoseconds monotonic() const override { return now; }
    Nanoseconds wall() const override { return now + wall_offset; }
    void sleep_until(Nanoseconds until) override { now = until; }
    Nanoseconds now = 100s, wall_offset = 1'700'000'000s;
};

}  // namespace

TEST_CASE("samples keep their place among the rounds when the wall clock is set back") {
    SteppingClock clock;
    replay::Progress progress;
    diagnose::TreeLog log("service", clock, clock.now, progress);
    for (int second = 1; second <= 4; ++second) {
        clock.now += 1s;
        if (second == 3) clock.wall_offset -= 3600s;
        memory::ProcessReading reading;
        reading.pid = 1;
        reading.root = true;
        reading.resident = static_cast<Bytes>(second) * 1000;
        log.add({reading}, true, 0);
    }
    const Series series = log.copy();
    CHECK(series.seconds == std::vector<double>{1, 2, 3, 4});
    CHECK(series.value == std::vector<double>{1000, 2000, 3000, 4000});
    CHECK(log.highest() == 4000);
}

namespace {

memory::ProcessReading process(int pid, Bytes private_bytes) {
    memory::ProcessReading reading;
    reading.pid = pid;
    reading.start_ticks = static_cast<std::uint64_t>(pid);
    reading.name = pid == 1 ? "master" : "worker";
    reading.root = pid == 1;
    reading.resident = private_bytes + 1000;
    reading.private_bytes = private_bytes;
    return reading;
}

}  // namespace

TEST_CASE("a worker that begins is no step of the sum, its growth counts, and it takes its growth along when it ends") {
    SteppingClock clock;
    replay::Progress progress;
    diagnose::TreeLog log("service", clock, clock.now, progress);
    const auto add = [&](const std::vector<memory::ProcessReading>& readings) {
        clock.now += 600ms;
        log.add(readings, true, 0);
        return log.copy().value.back();
    };
    CHECK(add({process(1, 5000), process(2, 8000)}) == 13'000);
    CHECK(add({process(1, 5000), process(2, 8500)}) == 13'500);
    CHECK(add({process(1, 5000), process(2, 9000), process(3, 7000)}) == 14'000);  // a fork: it shares 7,000
    CHECK(add({process(1, 5000), process(2, 9000), process(3, 2000)}) == 14'000);  // which its exec throws away
    CHECK(add({process(1, 5000), process(2, 9000), process(3, 2300)}) == 14'300);  // after it has settled
    CHECK(add({process(1, 5000), process(3, 2300)}) == 13'300);                    // 1,000 of growth went with process 2
    CHECK(log.metric() == "anonymous");
    const ProcessTree tree = log.tree();
    CHECK(tree.seen == 3);
    CHECK(tree.ended == 1);
    CHECK(tree.most == 3);
    CHECK(tree.ended_growth_bytes == 1000);
    CHECK(tree.unrecorded_growth_bytes == 300);
    REQUIRE(tree.processes.size() == 3);
    CHECK(tree.processes[0].pid == 2);
    CHECK(tree.processes[0].ended);
    CHECK(tree.processes[2].recorded);
}

TEST_CASE("of processes that have ended, the CPU time of those with an agent counts as recorded, as far as it can be theirs") {
    SteppingClock clock;
    replay::Progress progress;
    diagnose::TreeLog log("service", clock, clock.now, progress);
    const auto add = [&](std::vector<int> pids, double cpu_s, double waited_s) {
        clock.now += 1s;
        std::vector<memory::ProcessReading> readings;
        for (const int pid : pids) {
            readings.push_back(process(pid, 1000));
            if (pid == 1) readings.back().waited_cpu_s = waited_s;
            if (pid > 1) readings.back().cpu_s = cpu_s;
        }
        log.add(readings, true, 0);
    };
    log.record_these({{1, 0}, {2, 0}});
    add({1, 2}, 0, 0);
    add({1, 2, 3}, 0.5, 0);  // 3 has no agent
    log.record_these({{1, 0}});
    // 2 may have used another half second before its end; the rest was used by processes that were not seen.
    add({1, 3}, 1, 2);
    CHECK(log.tree().recorded_cpu_s == doctest::Approx(0.5 + 0.5));
    CHECK(log.tree().unrecorded_cpu_s == doctest::Approx(1 + 1));
    add({1}, 0, 3);
    CHECK(log.tree().recorded_cpu_s == doctest::Approx(0.5 + 0.5));
    CHECK(log.tree().unrecorded_cpu_s == doctest::Approx(1 + 1));
}

TEST_CASE("CPU time of a process counts as recorded while an agent is in it, not before, nor after an exec or when the agent has left") {
    SteppingClock clock;
    replay::Progress progress;
    diagnose::TreeLog log("service", clock, clock.now, progress);
    const auto add = [&](double cpu_s, bool attached, bool detailed) {
        clock.now += 1s;
        memory::ProcessReading worker = process(2, 1000);
        worker.cpu_s = cpu_s;
        log.record_these(attached ? std::map<int, Bytes>{{1, 0}, {2, 0}} : std::map<int, Bytes>{{1, 0}});
        log.add({process(1, 1000), worker}, detailed, 0);
    };
    const auto recorded = [&] { return log.tree().recorded_cpu_s; };
    add(0, true, true);
    add(4, true, true);
    CHECK(recorded() == doctest::Approx(4));
    add(0, false, false);  // a quick reading: CPU time is not read
    add(10, false, true);  // it was there for half of that time
    CHECK(recorded() == doctest::Approx(4 + 3));
    CHECK(log.tree().unrecorded_cpu_s == doctest::Approx(3));
    CHECK_FALSE(log.tree().processes[1].recorded);
    add(15, false, true);
    add(17, true, true);
    CHECK(recorded() == doctest::Approx(4 + 3));
    add(18, true, true);
    CHECK(recorded() == doctest::Approx(4 + 3 + 1));
    CHECK(log.tree().unrecorded_cpu_s == doctest::Approx(3 + 5 + 2));
}

TEST_CASE("shared memory is in the sum once, and a child of short life does not hide that it grows") {
    SteppingClock clock;
    replay::Progress progress;
    diagnose::TreeLog log("service", clock, clock.now, progress);
    const auto add = [&](std::vector<memory::ProcessReading> readings, Bytes shared) {
        clock.now += 600ms;
        for (memory::ProcessReading& reading : readings) {
            reading.shared_memory = shared;
            reading.resident += shared;
        }
        log.add(readings, true, shared);
        return log.copy().value.back();
    };
    CHECK(add({process(1, 5000)}, 2000) == 8000);  // RSS: 1,000 of files
    CHECK(add({process(1, 5000)}, 4000) == 10'000);
    CHECK(add({process(1, 5000), process(2, 700)}, 6000) == 11'000);  // no page of a file from here on, in the whole series
    CHECK(log.copy().value == std::vector<double>{7000, 9000, 11'000});
    CHECK(add({process(1, 5000)}, 8000) == 13'000);
    CHECK(log.latest() == 14'000);
    CHECK(log.file_backed() == 1000);
    const ProcessTree tree = log.tree();
    CHECK(tree.processes[0].first_bytes == 7000);
    CHECK(tree.processes[0].last_bytes == 13'000);
}

TEST_CASE("pages of mapped files that a process goes on reading are not counted: the kernel takes them back") {
    SteppingClock clock;
    replay::Progress progress;
    diagnose::TreeLog log("service", clock, clock.now, progress);
    const auto add = [&](Bytes private_bytes, Bytes of_files) {
        clock.now += 600ms;
        memory::ProcessReading reading = process(1, private_bytes);
        reading.resident = private_bytes + of_files;
        log.add({reading}, true, 0);
    };
    constexpr Bytes kCode = Bytes{3} << 20, kDatabase = Bytes{500} << 20;
    add(5000, kCode);
    add(6000, 2 * kCode);  // code that is read as it is first used
    CHECK(log.metric() == "rss");
    CHECK(log.copy().value.back() == 6000 + 2 * kCode);
    CHECK(log.file_growth() == 0);
    add(7000, kCode + kDatabase);
    CHECK(log.metric() == "anonymous");
    CHECK(log.copy().value == std::vector<double>{5000, 6000, 7000});
    CHECK(log.file_growth() == kDatabase);
    add(7000, kCode);  // it took them back
    CHECK(log.copy().value.back() == 7000);
    CHECK(log.file_growth() == 0);
}

namespace {

constexpr std::size_t kStep = std::size_t{8} << 20;

// A process of this test's own that does as it is told, one letter at a time: 'g' grows shared memory by kStep, 'p' grows private
// memory so, 'c' starts a child that reads all of the shared memory and stays, 'e' ends it.
class Puppet {
  public:
    Puppet() {
        REQUIRE(::pipe(orders_) == 0);
        REQUIRE(::pipe(answers_) == 0);
        pid_ = ::fork();
        if (pid_ == 0) obey();
    }
    ~Puppet() {
        ::close(orders_[1]);
        ::waitpid(pid_, nullptr, 0);
    }
    Puppet(const Puppet&) = delete;
    Puppet& operator=(const Puppet&) = delete;
    int pid() const { return pid_; }
    void order(char letter) {
        REQUIRE(::write(orders_[1], &letter, 1) == 1);
        REQUIRE(::read(answers_[0], &letter, 1) == 1);
    }

  private:
    [[noreturn]] void obey() {
        ::close(orders_[1]);
        const auto map = [](int kind, std::size_t size) {
            return static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        };
        char* shared = map(MAP_SHARED, 16 * kStep);
        std::size_t used = 0;
        pid_t child = 0;
        int is_set[2];
        if (::pipe(is_set) != 0) ::_exit(1);
        const auto put = [](int to, char letter) { return ::write(to, &letter, 1) == 1; };
        for (char letter; ::read(orders_[0], &letter, 1) == 1;) {
            if (letter == 'g') std::memset(shared + std::exchange(used, used + kStep), 1, kStep);
            if (letter == 'p') std::memset(map(MAP_PRIVATE, kStep), 1, kStep);
            if (letter == 'c' && (child = ::fork()) == 0) {
                ::close(orders_[0]);
                volatile char sum = 0;
                for (std::size_t i = 0; i < used; i += 4096) sum = static_cast<char>(sum + shared[i]);
                for (put(is_set[1], letter);;) ::pause();
            }
            if (letter == 'c' && ::read(is_set[0], &letter, 1) != 1) break;
            if (letter == 'e') {
                ::kill(child, SIGKILL);
                ::waitpid(std::exchange(child, 0), nullptr, 0);
            }
            if (!put(answers_[1], letter)) break;
        }
        if (child > 0) ::kill(child, SIGKILL);
        ::_exit(0);
    }

    int orders_[2] = {}, answers_[2] = {};
    pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("shared memory of real processes: it grows in one that has children of short life, and two that share it count it once") {
    Puppet service;
    memory::ProcessTree tree(service.pid(), {});
    SteppingClock clock;
    replay::Progress progress;
    diagnose::TreeLog log("service", clock, clock.now, progress);
    const auto level_after = [&](const char* orders) {
        for (; *orders != '\0'; ++orders) service.order(*orders);
        clock.now += 1500ms;
        const std::vector<memory::ProcessReading>& readings = tree.read(Depth::detailed);
        log.add(readings, true, tree.shared_memory());
        return log.copy().value.back();
    };
    const auto is_steps = [](double bytes, double steps) {
        return std::abs(bytes - steps * static_cast<double>(kStep)) < 0.25 * static_cast<double>(kStep);
    };
    level_after("");
    level_after("c");  // from here on the series is that of several processes
    const double begin = level_after("e");
    CHECK(is_steps(level_after("g") - begin, 1));
    CHECK(is_steps(level_after("gg") - begin, 3));
    CHECK(is_steps(level_after("c") - begin, 3));  // the child has all three steps as well
    CHECK(is_steps(level_after("g") - begin, 4));
    CHECK(is_steps(level_after("pe") - begin, 5));
    CHECK(log.metric() == "anonymous");
    // The series says the same of the time before the child was seen: no step where it began.
    CHECK(is_steps(log.copy().value[0] - begin, 0));
}

TEST_CASE("marks compensate for processes that begin and end, and count zombies") {
    memory::ResourceMarks marks;
    const auto snapshot = [](std::initializer_list<std::pair<int, std::uint64_t>> descriptors, int zombies) {
        memory::ResourceSnapshot result;
        for (const auto& [pid, count] : descriptors) {
            memory::ProcessResources resources;
            resources.pid = pid;
            resources.count[0] = count;
            resources.kinds[0]["pipe"] = count;
            resources.count[3] = 1;
            resources.kinds[3]["process svc"] = 1;
            resources.limits.open_files = 1024;
            result.processes.push_back(resources);
        }
        for (int i = 0; i < zombies; ++i) {
            memory::ProcessResources zombie;
            zombie.pid = 100 + i;
            zombie.count[3] = 1;
            zombie.kinds[3]["zombie svc"] = 1;
            result.processes.push_back(zombie);
        }
        return result;
    };
    marks.add(0, 0, snapshot({{1, 10}, {2, 20}}, 0));
    marks.add(1, 100, snapshot({{1, 10}, {2, 25}, {3, 40}}, 2));
    marks.add(2, 200, snapshot({{1, 12}, {3, 45}}, 5));
    const Resources& resources = marks.resources();
    REQUIRE(resources.counts.size() == 2);
    CHECK(resources.counts[0].at_marks == std::vector<double>{30, 35, 37});
    CHECK(resources.counts[0].kinds[0].at_marks == std::vector<double>{30, 35, 37});
    CHECK(resources.counts[0].limit == 1024);
    CHECK(resources.counts[0].used == 45);  // of process 3, which grew by 5
    CHECK(resources.counts[1].at_marks == std::vector<double>{2, 5, 7});
    REQUIRE(resources.counts[1].kinds.size() == 2);
    CHECK(resources.counts[1].kinds[1].at_marks == std::vector<double>{0, 2, 5});
}

TEST_CASE("a mark at which descriptors could not be read leaves every column as long as the marks") {
    memory::ResourceMarks marks;
    const auto snapshot = [](std::optional<std::uint64_t> descriptors) {
        memory::ResourceSnapshot result;
        memory::ProcessResources resources;
        resources.pid = 1;
        resources.count[0] = descriptors;
        if (descriptors) resources.kinds[0]["pipe"] = *descriptors;
        resources.count[3] = 1;
        result.processes.push_back(resources);
        return result;
    };
    marks.add(0, 0, snapshot(10));
    marks.add(1, 100, snapshot({}));
    marks.add(2, 200, snapshot(12));
    const ResourceGrowth& descriptors = marks.resources().counts[0];
    CHECK(descriptors.at_marks == std::vector<double>{10, 10, 12});
    CHECK(descriptors.kinds[0].at_marks == std::vector<double>{10, 10, 12});
}

TEST_CASE("what a service writes to files in memory is its memory, though in no RSS") {
    SteppingClock clock;
    replay::Progress progress;
    diagnose::TreeLog log("service", clock, clock.now, progress);
    const auto add = [&](Bytes in_files) {
        clock.now += 1s;
        log.add({process(1, 5000)}, true, 300, in_files);
        return log.copy().value.back();
    };
    constexpr Bytes kLock = 4096;
    CHECK(add(kLock) == 6000);
    CHECK(add(2 * kLock) == 6000);  // a little, as the RSS
    CHECK(log.growth_in_files() == 0);
    CHECK(add(1'000'000) == 5000 + 300 + 1'000'000);
    CHECK(log.copy().value.front() == 5000 + 300 + kLock);
    CHECK(log.growth_in_files() == 1'000'000 - kLock);
    CHECK(log.metric() == "anonymous");
    CHECK(log.highest() == 6000 + 300 + 1'000'000);
}
