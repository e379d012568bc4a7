#include "analysis/resources.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "analysis/resource_words.hpp"
#include "analysis/trend/count_trend.hpp"
#include "analysis/verdict/verdict.hpp"

using namespace leakline;
using namespace leakline::analysis;

namespace {

constexpr double kRequestsPerRound = 2000;

// Descriptors at the marks of a run of so many rounds, before which it held 10.
Resources counted(int rounds, const std::function<double(int round)>& count, Resource resource = Resource::descriptors) {
    Resources resources;
    ResourceGrowth growth;
    growth.resource = resource;
    for (int round = 0; round <= rounds; ++round) {
        resources.mark_seconds.push_back(round);
        resources.mark_requests.push_back(round * kRequestsPerRound);
        growth.at_marks.push_back(count(round));
    }
    growth.kinds = {{"pipe", std::vector<double>(growth.at_marks.size(), 3), 0, false}, {"file /tmp/a-*", growth.at_marks, 0, false}};
    resources.counts = {growth};
    return resources;
}

const ResourceGrowth& judged(Resources& resources, bool extended = false) {
    ResourceOptions options;
    options.extended = extended;
    options.requests_per_second = 10;
    judge_resources(resources, options);
    return resources.counts[0];
}

}  // namespace

namespace {

Diagnosis stable_memory() {
    Diagnosis diagnosis;
    diagnosis.replay.read = diagnosis.replay.sent = diagnosis.replay.completed = 1000;
    diagnosis.replay.statuses[200] = 1000;
    diagnosis.trend.verdict = Trend::stable;
    diagnosis.trend.reasons = {"seen so"};
    diagnosis.trend.detectable_bytes_per_request = 50;
    return diagnosis;
}

}  // namespace

TEST_CASE("one descriptor in 20 requests is a leak, with its kind, its rate and the time to its limit") {
    Resources resources = counted(8, [](int round) { return 10 + 100.0 * round; });
    resources.counts[0].limit = 1024;
    resources.counts[0].limit_name = "RLIMIT_NOFILE of svc (pid 7)";
    resources.counts[0].used = 810;
    const ResourceGrowth& growth = judged(resources, true);
    CHECK(growth.verdict == Trend::growing);
    REQUIRE(growth.per_request.has_value());
    CHECK(growth.per_request->estimate == doctest::Approx(0.05));
    CHECK(growth.reasons[0] == "file descriptors leak, 50 per 1,000 requests (+700 after warm-up): file /tmp/a-* (+700)");
    // (1024 - 10) / (0.05 x 10 x 3600)
    REQUIRE(growth.time_to_limit_h.has_value());
    CHECK(*growth.time_to_limit_h == doctest::Approx(1014.0 / 1800));
}

TEST_CASE("IPC objects that grow with the requests leak; if they also grow without, another program may make them") {
    const auto after_idle = [](double grown) {
        Resources resources = counted(
            8, [](int round) { return 400.0 * round; }, Resource::ipc_objects);
        resources.idle_s = 1;
        resources.counts[0].idle_growth = grown;
        resources.counts[0].kinds[1].name = "System V shared memory segment";
        return resources;
    };
    Resources of_service = after_idle(0);
    CHECK(judged(of_service, true).verdict == Trend::growing);
    CHECK(of_service.counts[0].reasons[0].starts_with("IPC objects leak, 200 per 1,000 requests (+2,800 after warm-up)"));
    Resources of_others = after_idle(380);
    CHECK(judged(of_others, true).verdict == Trend::inconclusive);
    CHECK(
        of_others.counts[0].reasons[0] ==
        "IPC objects grew by 2,800, also without requests: System V shared memory segment (+2,800); the service or another program of its "
        "user makes them: stop other programs and rerun");

    Resources slow = counted(
        16, [](int round) { return 2.5 * round; }, Resource::ipc_objects);
    slow.idle_s = 1;
    CHECK(judged(slow, true).verdict == Trend::inconclusive);
    CHECK(slow.counts[0].reasons[0].ends_with("stop other programs, or rerun with --quiet-time 3s"));

    Resources files = after_idle(0);
    files.counts[0].kinds[1].name = "file /dev/shm/cache-*";
    CHECK(judged(files, true).verdict == Trend::inconclusive);
    CHECK(
        files.counts[0].reasons[0] ==
        "IPC objects grew by 2,800: file /dev/shm/cache-* (+2,800); a cache of files that is still filling, or that a timer cleans, would "
        "look the same: rerun longer");
}

TEST_CASE("mappings of threads are no leak as long as the threads may be a pool that is still filling") {
    const auto with_threads = [](double threads_per_round, bool extended) {
        Resources resources = counted(
            8, [](int round) { return 10 + 150.0 * round; }, Resource::mappings);
        ResourceGrowth& threads = resources.counts.emplace_back(resources.counts[0]);
        threads.resource = Resource::threads;
        for (std::size_t round = 0; round < threads.at_marks.size(); ++round)
            threads.at_marks[round] = threads_per_round * static_cast<double>(round);
        threads.kinds.clear();
        judged(resources, extended);
        return resources;
    };
    const Resources pool = with_threads(75, false);
    CHECK(pool.counts[0].growth == 1050);
    CHECK(pool.counts[0].verdict == Trend::inconclusive);
    CHECK(pool.counts[0].reasons[0].find("which may be a leak or a pool that is still filling") != std::string::npos);
    CHECK(pool.counts[1].verdict == Trend::inconclusive);
    CHECK(with_threads(75, true).counts[0].verdict == Trend::growing);
    CHECK(with_threads(20, false).counts[0].verdict == Trend::growing);  // seven for each thread
}

TEST_CASE("what grew by less than a large pool is given more rounds before it is called a leak") {
    Resources resources = counted(8, [](int round) { return 10 + 20.0 * round; });
    CHECK(judged(resources).verdict == Trend::inconclusive);
    CHECK(resources_undecided(resources).has_value());
    Resources longer = counted(16, [](int round) { return 10 + 20.0 * round; });
    CHECK(judged(longer, true).verdict == Trend::growing);
    CHECK_FALSE(resources_undecided(longer).has_value());
}

TEST_CASE("pools, caches that fill, and levels that fluctuate are no leaks") {
    Resources filled = counted(8, [](int round) { return round == 0 ? 10.0 : 74.0; });
    CHECK(judged(filled).verdict == Trend::stable);
    Resources fills = counted(16, [](int round) { return 10.0 + std::min(round * 40, 320); });
    CHECK(judged(fills, true).verdict == Trend::stable);
    Resources slows = counted(16, [](int round) { return 10 + 500 * (1 - std::exp(-round / 3.0)); });
    CHECK(judged(slows, true).verdict != Trend::growing);
}

TEST_CASE("a level that only fluctuates is called a leak in none of 2,000 runs") {
    std::mt19937 random(7);
    for (int run = 0; run < 2000; ++run) {
        std::poisson_distribution<int> level(run % 2 == 0 ? 20 : 400);
        Resources resources = counted(8 + 8 * (run % 3), [&](int) { return level(random); });
        CHECK(judged(resources, true).verdict != Trend::growing);
    }
}

TEST_CASE("a leak at the detection limit is found in nine of ten runs") {
    std::mt19937 random(11);
    const int rounds = 24;
    Resources probe = counted(rounds, [](int) { return 10.0; });
    const double limit = *judged(probe, true).detectable_per_request;
    CHECK(limit > 0.0002);
    CHECK(limit < 0.01);
    int found = 0;
    for (int run = 0; run < 500; ++run) {
        std::poisson_distribution<int> leaked(limit * kRequestsPerRound);
        double count = 10;
        Resources resources = counted(rounds, [&](int) { return count += leaked(random); });
        found += judged(resources, true).verdict != Trend::stable ? 1 : 0;
    }
    CHECK(found >= 425);
}

TEST_CASE("what also grows without requests follows time, and has no price per request") {
    Resources resources = counted(8, [](int round) { return 10 + 100.0 * round; });
    resources.idle_s = 2;
    resources.counts[0].idle_growth = 195;
    const ResourceGrowth& growth = judged(resources, true);
    CHECK(growth.follows_time);
    CHECK_FALSE(growth.per_request.has_value());
    CHECK(growth.reasons[0] ==
          "file descriptors leak, 360,000 per hour, with or without requests (+700 after warm-up): file /tmp/a-* (+700)");
    Resources idle = counted(8, [](int round) { return 10 + 100.0 * round; });
    idle.idle_s = 2;
    CHECK_FALSE(judged(idle, true).follows_time);
}

TEST_CASE("mappings come and go with the allocator: a few more are none that leak") {
    Resources resources = counted(
        8, [](int round) { return 100.0 + 3 * round; }, Resource::mappings);
    CHECK(judged(resources, true).verdict != Trend::growing);
}

TEST_CASE("few marks, and a run that was stopped at the limit") {
    Resources short_run = counted(2, [](int round) { return 10.0 + round; });
    CHECK(judged(short_run, true).verdict == Trend::stable);
    CHECK(short_run.counts[0].reasons[0] == "file descriptors do not grow: no leak above 11 per 1,000 requests");
    Resources exhausted = counted(1, [](int round) { return 10 + 400.0 * round; });
    exhausted.counts[0].exhausted = ResourceExhaustion{900, 18'000, 1.5};
    exhausted.counts[0].limit = 1024;
    exhausted.counts[0].limit_name = "RLIMIT_NOFILE of svc (pid 7)";
    exhausted.counts[0].used = 900;
    const ResourceGrowth& growth = judged(exhausted);
    CHECK(growth.verdict == Trend::growing);
    CHECK(
        growth.reasons[0] ==
        "file descriptors run out, at 49.4 per 1,000 requests: 900 of 1,024 (RLIMIT_NOFILE of svc (pid 7)) were in use after 18,000 requests: file /tmp/a-* (+400)");
}

TEST_CASE("with too few rounds for the test nothing is called a leak, and nothing that grew or could not be seen is called none") {
    for (const int rounds : {1, 2, 3, 4, 5}) {  // the first is warm-up: five marks are left at most
        CAPTURE(rounds);
        Resources leak = counted(rounds, [](int round) { return 10 + 100.0 * round; });
        const ResourceGrowth& growth = judged(leak, true);
        CHECK(growth.verdict == Trend::inconclusive);
        CHECK(resources_undecided(leak).has_value());
        CHECK(growth.reasons[0].ends_with("rerun with more rounds (--rounds)"));
        // Rounds of ten requests: one descriptor in 20 requests would not have shown.
        Resources slow = counted(rounds, [](int) { return 10.0; });
        for (std::size_t i = 0; i < slow.mark_requests.size(); ++i) slow.mark_requests[i] = 10.0 * static_cast<double>(i);
        CHECK(judged(slow, true).verdict == Trend::inconclusive);
    }
    Resources enough = counted(6, [](int round) { return 10 + 100.0 * round; });
    CHECK(judged(enough, true).verdict == Trend::growing);
    Diagnosis flat = stable_memory();
    flat.resources = counted(2, [](int) { return 10.0; });
    flat.resources.mark_requests = {0, 10, 20};
    judge_resources(flat.resources, {});
    judge(flat);
    CHECK(flat.verdict == Verdict::inconclusive);
    CHECK(flat.reasons[0] == "the run is too short to detect a slow leak of file descriptors: rerun with more rounds (--rounds)");
}

TEST_CASE("a pool has time to fill in twice the rounds that were planned, or twice those of a usual run") {
    CHECK_FALSE(is_extended_run(8, 8));  // --retries 0
    CHECK(is_extended_run(16, 8));
    CHECK_FALSE(is_extended_run(4, 4));
    CHECK(is_extended_run(8, 4));
    CHECK_FALSE(is_extended_run(12, 12));
    CHECK(is_extended_run(20, 20));
}

TEST_CASE("what grows by itself is stated at the speed of our clock where the service's own ran faster, and two runs share the level") {
    Resources resources = counted(10, [](int round) { return 10 + 100.0 * round; });
    resources.idle_s = 2;
    resources.counts[0].idle_growth = 195;
    ResourceOptions options;
    options.extended = true;
    options.time_scale = 60;
    judge_resources(resources, options);
    CHECK(resources.counts[0].per_hour->estimate == doctest::Approx(6000));
    options.runs = 100;  // a hundredth of the level: six marks and five rises are chance then
    Resources few = counted(6, [](int round) { return 10 + 100.0 * round; });
    judge_resources(few, options);
    CHECK(few.counts[0].verdict == Trend::inconclusive);
}

TEST_CASE("rates in words") {
    CHECK(per_request_words(2) == "2 per request");
    CHECK(per_request_words(0.05) == "50 per 1,000 requests");
    CHECK(per_request_words(0.000025) == "1 per 40,000 requests");
    CHECK(per_hour_words(1234567) == "1,230,000 per hour");
}

TEST_CASE("a leak of descriptors is a leak although memory is stable, and what is undecided is no 'no leak'") {
    Diagnosis leak = stable_memory();
    leak.resources = counted(8, [](int round) { return 10 + 200.0 * round; });
    judge_resources(leak.resources, {});
    judge(leak);
    CHECK(leak.verdict == Verdict::leak);
    CHECK(leak.reasons[0].starts_with("file descriptors leak"));
    Diagnosis undecided = stable_memory();
    undecided.resources = counted(8, [](int round) { return 10 + 20.0 * round; });
    judge_resources(undecided.resources, {});
    judge(undecided);
    CHECK(undecided.verdict == Verdict::inconclusive);
}

TEST_CASE("where leaked threads or descriptors are the reason why memory grows, they lead; where memory grows by more, it does") {
    Diagnosis threads = stable_memory();
    threads.replay.read = threads.replay.sent = threads.replay.completed = threads.replay.statuses[200] = 16'000;
    threads.resources = counted(
        8, [](int round) { return 10 + 100.0 * round; }, Resource::threads);
    judged(threads.resources, true);
    threads.trend.verdict = Trend::growing;
    threads.trend.bytes_per_request = Interval{500, 490, 510};
    threads.series.seconds = {0, 8};
    threads.series.value = {10e6, 10e6 + 700 * 12'288};
    LineGrowth line;  // what starting a thread allocates
    line.at = {"start", "/src/pool.cpp", 12};
    line.leaking = true;
    line.growth_bytes = 700 * 288;
    line.live_last_blocks = line.kept_entries = 700;
    line.allocations = 700;
    line.bytes_per_request = Interval{14, 13, 15};
    threads.lines.lines = {line};
    threads.lines.mark_requests = {2000, 16'000};
    Diagnosis requests = threads, large = threads;
    analysis::judge(threads);
    CHECK(threads.verdict == Verdict::leak);
    CHECK(threads.reasons[0].starts_with("threads leak, 50 per 1,000 requests"));
    CHECK(threads.reasons[1] == "memory grows with the threads, by 12 KiB for each");

    requests.lines.lines[0].kept_entries = 14'000;  // one for each request
    requests.lines.lines[0].growth_bytes = 14'000 * 500;
    requests.lines.lines[0].bytes_per_request = Interval{500, 490, 510};
    analysis::judge(requests, {.filling_is_leak = true});
    CHECK(requests.reasons[0].starts_with("live heap allocated at pool.cpp:12"));
    CHECK(std::any_of(requests.reasons.begin(), requests.reasons.end(),
                      [](const std::string& reason) { return reason.starts_with("threads leak, "); }));

    large.series.value[1] = 10e6 + 700 * 1e6;  // 1 MB for each thread
    analysis::judge(large, {.filling_is_leak = true});
    CHECK_FALSE(large.reasons[0].starts_with("threads leak"));
}

TEST_CASE("requests that fail because the service has used up its descriptors do not make the run invalid") {
    Diagnosis diagnosis = stable_memory();
    diagnosis.replay.statuses = {{503, 900}, {200, 100}};
    diagnosis.resources = counted(1, [](int round) { return 10 + 400.0 * round; });
    diagnosis.resources.counts[0].exhausted = ResourceExhaustion{900, 1000, 1};
    judge_resources(diagnosis.resources, {});
    judge(diagnosis);
    CHECK(diagnosis.verdict == Verdict::leak);
}

TEST_CASE("where processes that were not recorded did the work, 'no leak' is not said, and their growth is a leak") {
    Diagnosis diagnosis = stable_memory();
    ProcessTree& tree = diagnosis.resources.tree;
    tree.seen = 3;
    tree.recorded_cpu_s = 0.02;
    tree.unrecorded_cpu_s = 3;
    tree.processes = {{11, "worker", false, false, 0, 9, 1e6, 5e6, 1.5, Trend::growing, Interval{512, 500, 520}},
                      {12, "worker", false, false, 0, 9, 1e6, 5e6, 1.5, Trend::growing, Interval{512, 500, 520}},
                      {10, "master", true, false, 0, 9, 1e6, 1e6, 0.02, Trend::stable, {}}};
    Diagnosis quiet = diagnosis;
    judge(quiet);
    CHECK(quiet.verdict == Verdict::inconclusive);
    CHECK(
        quiet.reasons[0] ==
        "99 % of the CPU time was used outside of the recorded process (2 processes): memory was measured there, but not source lines; run the "
        "service as one process (one worker, no fork)");
    tree.unrecorded_growth_bytes = 8e6;
    diagnosis.trend.verdict = Trend::growing;
    diagnosis.trend.bytes_per_request = Interval{1024, 1000, 1050};
    diagnosis.replay.completed = diagnosis.replay.sent = diagnosis.replay.statuses[200] = 80'000;
    diagnosis.series.seconds = {0, 1};
    diagnosis.series.value = {5e6, 85e6};  // more than the allocators of two processes hold back
    judge(diagnosis);
    CHECK(diagnosis.verdict == Verdict::leak);
    CHECK(diagnosis.reasons[0] ==
          "the memory of 2 processes that were not recorded (2 x worker) grows until the end, by 1 KiB per request in total");

    // Growth that the run could hardly have seen is no more of a leak there than in one process.
    Diagnosis noise = quiet;
    noise.verdict = Verdict::inconclusive;
    noise.reasons.clear();
    noise.resources.tree.unrecorded_growth_bytes = 8e6;
    noise.trend.verdict = Trend::growing;
    noise.trend.slope_bytes_per_hour = {3e6, 1e6, 5e6};
    noise.trend.detectable_bytes_per_hour = 2e6;
    Diagnosis collected = noise;
    judge(noise);
    CHECK(noise.verdict == Verdict::inconclusive);
    CHECK(noise.reasons[0].starts_with(
        "the memory of 2 processes that were not recorded (2 x worker) grows, but the growth of 2.86 MiB/h is less than twice"));
    // `sh -c "node server.js"`: the collector is that of a child.
    collected.trend.detectable_bytes_per_hour = 1000;
    collected.resources.tree.processes[0].name = "node";
    collected.series.seconds = {0, 1};
    collected.series.value = {50e6, 60e6};
    judge(collected);
    CHECK(collected.verdict == Verdict::inconclusive);
    CHECK(collected.reasons[0].find("the garbage collector of node may retain") != std::string::npos);

    Diagnosis helper = stable_memory();  // a logger beside the service
    helper.resources.tree.seen = 2;
    helper.resources.tree.recorded_cpu_s = 3;
    helper.resources.tree.unrecorded_cpu_s = 0.1;
    judge(helper);
    CHECK(helper.verdict == Verdict::no_leak);
}

TEST_CASE("sampled counts are judged by the trend, in counts") {
    const auto series = [](const std::function<double(int)>& count) {
        Series result;
        for (int second = 0; second < 600; ++second) {
            result.seconds.push_back(second);
            result.value.push_back(std::floor(count(second)));
        }
        return result;
    };
    const ResourceGrowth leak = judge_count_trend(Resource::descriptors, series([](int second) { return 12 + second / 10.0; }));
    CHECK(leak.verdict == Trend::growing);
    REQUIRE(leak.per_hour.has_value());
    CHECK(leak.per_hour->estimate == doctest::Approx(360).epsilon(0.05));
    CHECK(leak.growth == 59);
    CHECK(leak.reasons[0].starts_with("file descriptors keep growing, 3"));
    const ResourceGrowth slow = judge_count_trend(Resource::threads, series([](int second) { return 12 + second / 60.0; }));
    CHECK(slow.verdict == Trend::growing);
    const ResourceGrowth flat = judge_count_trend(Resource::threads, series([](int second) { return 12 + second % 3; }));
    CHECK(flat.verdict == Trend::stable);
    CHECK(flat.reasons[0].starts_with("threads do not grow: no leak above "));
    const ResourceGrowth pool = judge_count_trend(Resource::descriptors, series([](int second) { return std::min(12 + second, 76); }));
    CHECK(pool.verdict == Trend::stable);
}
