#include "diagnose/tree_log.hpp"

#include "diagnose/resource_marks.hpp"

#include <doctest/doctest.h>

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
        log.add({reading}, true);
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
        log.add(readings, true);
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

TEST_CASE("marks compensate for processes that begin and end, and count zombies") {
    diagnose::ResourceMarks marks;
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
    diagnose::ResourceMarks marks;
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
