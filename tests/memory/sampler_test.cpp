#include "memory/sampler.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/error.hpp"
#include "fake_system.hpp"
#include "memory/tick_schedule.hpp"

using namespace leakline;
using namespace leakline::memory;
using namespace std::chrono_literals;

TEST_CASE("a beat stays on its grid whatever the ticks take") {
    TickSchedule beat(100ms, 10ms);
    CHECK(beat.is_due(100ms));
    beat.taken(103ms);
    CHECK(beat.due() == 110ms);
    CHECK_FALSE(beat.is_due(109ms));
    beat.taken(119ms);
    CHECK(beat.due() == 120ms);
    CHECK(beat.missed() == 0);
}

TEST_CASE("a late tick is taken once, and those it ran over are counted") {
    TickSchedule beat(0ms, 10ms);
    beat.taken(0ms);
    beat.taken(47ms);  // due at 10: 20, 30 and 40 have passed
    CHECK(beat.due() == 50ms);
    CHECK(beat.missed() == 3);
    beat.taken(60ms);  // exactly on the next one: it is due now and counts as passed
    CHECK(beat.due() == 70ms);
    CHECK(beat.missed() == 4);
}

TEST_CASE("a sampler hands over samples of ourselves in order and none after stop") {
    std::vector<MemorySample> samples;
    std::atomic<int> count = 0;
    SampleOptions options;
    options.pid = ::getpid();
    options.plan.interval = 1ms;
    options.metrics = {Metric::rss, Metric::pss};
    Sampler sampler(options, [&](const MemorySample& sample) {
        samples.push_back(sample);
        ++count;
    });
    while (count < 5) std::this_thread::yield();
    sampler.stop();
    const std::size_t size = samples.size();
    CHECK(size >= 5);
    CHECK(samples[0][Metric::pss]);  // the first tick is a detailed one
    for (std::size_t i = 0; i < size; ++i) {
        CHECK(samples[i][Metric::rss].value_or(0) > 0);
        if (i > 0) CHECK(samples[i].at > samples[i - 1].at);
    }
    CHECK_FALSE(sampler.process_gone());
}

TEST_CASE("a sampler with a long interval stops at once") {
    SampleOptions options;
    options.pid = ::getpid();
    options.plan.interval = 1h;
    std::atomic<int> count = 0;
    Sampler sampler(options, [&](const MemorySample&) { ++count; });
    while (count < 1) std::this_thread::yield();
    sampler.stop();  // the test's time limit is what would fail here
    CHECK(count == 1);
}

TEST_CASE("a sampler says when the process has gone") {
    const test::FakeSystem system;
    system.process(7, "server", 250, 1000);
    SampleOptions options;
    options.pid = 7;
    options.plan.interval = 1ms;
    options.roots = system.roots();
    std::atomic<int> count = 0;
    Sampler sampler(options, [&](const MemorySample&) { ++count; });
    while (count < 1) std::this_thread::yield();
    system.write("/proc/7/statm", "0 0 0 0 0 0 0\n");
    while (!sampler.process_gone()) std::this_thread::yield();
    CHECK(count >= 1);
}

TEST_CASE("an interval of nothing is refused") {
    SampleOptions options;
    options.pid = ::getpid();
    options.plan.interval = 0ms;
    CHECK_THROWS_AS(Sampler(options, [](const MemorySample&) {}), Error);
}
