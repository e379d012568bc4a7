// What one sample costs, in CPU time: of a process, and of a tree. For scripts/bench/sample.sh, which takes mprof's
// figures of the same processes in the same run.
//   bench_sample PID [TREE_ROOT]     prints "name microseconds" lines
//   bench_sample beat SECONDS [MS]   wakes every (or every MS) milliseconds and does nothing: when, in unix_ms; what that
//                                    costs, and how late it comes, is the machine's own
#include <fmt/format.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "memory/samples_file.hpp"
#include "memory/source.hpp"
#include "system/temporary_directory.hpp"

namespace {

using namespace leakline;
using namespace leakline::memory;

double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// The least mean of five rounds: what others do to the machine only adds.
template <typename Work>
double microseconds(int times, Work work) {
    double best = 1e9;
    for (int round = 0; round < 5; ++round) {
        const double start = cpu_seconds();
        for (int i = 0; i < times; ++i) work();
        best = std::min(best, (cpu_seconds() - start) / times * 1e6);
    }
    return best;
}

int beat(int seconds, int period_ms) {
    std::vector<double> woken;
    timespec due{}, now{};
    ::clock_gettime(CLOCK_MONOTONIC, &due);
    for (int i = 0; i < seconds * 1000 / period_ms; ++i) {
        due.tv_nsec += 1'000'000L * period_ms;
        if (due.tv_nsec >= 1'000'000'000) due = {due.tv_sec + 1, due.tv_nsec - 1'000'000'000};
        ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
        ::clock_gettime(CLOCK_REALTIME, &now);
        woken.push_back(static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6);
    }
    fmt::print("unix_ms\n");
    for (const double at : woken) fmt::print("{:.6f}\n", at);
    return 0;
}

int run(int argc, char** argv) {
    if ((argc == 3 || argc == 4) && std::string_view(argv[1]) == "beat")
        return beat(std::atoi(argv[2]), argc == 4 ? std::max(1, std::atoi(argv[3])) : 1);
    if (argc < 2) {
        fmt::print(stderr, "usage: bench_sample PID [TREE_ROOT] | bench_sample beat SECONDS [MS]\n");
        return 2;
    }
    Bytes sum = 0;
    const MemorySource::Sink add = [&](const Subject&, const MemorySample& sample) { sum += sample[Metric::rss].value_or(0); };
    const auto process = process_source(std::atoi(argv[1]), {Metric::rss});
    fmt::print("rss_us {:.3f}\n", microseconds(20000, [&] { process->read(Depth::quick, {}, add); }));

    const TemporaryDirectory directory;
    SampleFile file(directory.path() + "/s.csv");
    file.begin({});
    const MemorySource::Sink write = [&](const Subject& subject, const MemorySample& sample) { file.add(subject, sample); };
    fmt::print("rss_written_us {:.3f}\n", microseconds(20000, [&] {
                   process->read(Depth::quick, std::chrono::seconds(1700000000), write);
                   file.end_tick();
               }));
    const auto detailed = process_source(std::atoi(argv[1]), {Metric::rss, Metric::pss});
    fmt::print("smaps_rollup_us {:.3f}\n", microseconds(500, [&] { detailed->read(Depth::detailed, {}, add); }));
    if (argc > 2) {
        const auto tree = tree_source(std::atoi(argv[2]), {Metric::rss}, Descendants::summed);
        tree->read(Depth::detailed, {}, add);
        fmt::print("tree_us {:.3f}\n", microseconds(2000, [&] { tree->read(Depth::quick, {}, add); }));
    }
    return sum > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const leakline::Error& error) {
        fmt::print(stderr, "bench_sample: {}\n", error.what());
        return 2;
    }
}
