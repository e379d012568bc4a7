// What the agent costs in a program: run by scripts/bench/agent.sh with and without it.
//
//   bench_agent hot|many|threads PAIRS    ns per malloc/free pair: one block again and again; 1,000 live blocks of which one is
//                                         replaced; the same on two threads. Of the fastest tenth of runs of 10,000 pairs.
//   bench_agent requests N                ns of processor per request of a service that builds and drops a tree of some 90 blocks
//   bench_agent read FILE                 milliseconds to read a segment
#include <fcntl.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "heap/internal/segment_file.hpp"

namespace {

double now_ns(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

[[gnu::noinline]] void* allocate(std::size_t size) {
    void* const block = std::malloc(size);
    *static_cast<volatile char*>(block) = 1;
    return block;
}

constexpr long kWindow = 10'000;

// ns per pair in the fastest tenth of the windows: what neighbors do to the machine stands in the rest.
template <class Pair>
double fastest(long pairs, Pair pair) {
    std::vector<double> windows;
    windows.reserve(static_cast<std::size_t>(pairs / kWindow + 1));
    for (long done = 0; done < pairs; done += kWindow) {
        const double start = now_ns(CLOCK_MONOTONIC);
        for (long i = 0; i < kWindow; ++i) pair();
        windows.push_back((now_ns(CLOCK_MONOTONIC) - start) / kWindow);
    }
    std::sort(windows.begin(), windows.end());
    return windows[windows.size() / 10];
}

double many(long pairs, std::uint64_t x) {
    std::vector<void*> live(1000);
    for (void*& block : live) block = allocate(64);
    const double ns = fastest(pairs, [&] {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        void*& block = live[(x >> 20) % live.size()];
        std::free(block);
        block = allocate(16 + (x & 496));
    });
    for (void* block : live) std::free(block);
    return ns;
}

struct Value {
    std::map<std::string, std::unique_ptr<Value>> members;
    std::string text;
};
[[gnu::noinline]] std::unique_ptr<Value> build(int depth, std::uint64_t& x) {
    auto value = std::make_unique<Value>();
    x = x * 6364136223846793005u + 1442695040888963407u;
    value->text.assign(20 + (x >> 60), 'v');
    if (depth == 0) return value;
    for (int i = 0; i < 4; ++i) value->members["a member with a long name " + std::to_string(i)] = build(depth - 1, x);
    return value;
}
[[gnu::noinline]] std::uint64_t serve(std::uint64_t& x) {
    const std::unique_ptr<Value> request = build(2, x);
    std::uint64_t hash = 0;
    for (const auto& [name, member] : request->members)
        for (const auto& [inner, value] : member->members)
            for (const char c : value->text + name + inner) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return hash;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view mode = argc == 3 ? argv[1] : "";
    const long count = argc == 3 ? std::atol(argv[2]) : 0;
    if (mode == "hot") {
        std::printf("%.2f\n", fastest(count, [] { std::free(allocate(64)); }));
    } else if (mode == "many") {
        std::printf("%.2f\n", many(count, 88172645463325252u));
    } else if (mode == "threads") {
        std::thread other([&] { many(count / 2, 1234567891234567u); });
        const double ns = many(count / 2, 88172645463325252u);
        other.join();
        std::printf("%.2f\n", ns);
    } else if (mode == "requests") {
        std::uint64_t x = 1, hash = 0;
        const double start = now_ns(CLOCK_PROCESS_CPUTIME_ID);
        for (long i = 0; i < count; ++i) hash += serve(x);
        std::printf("%.1f\n",
                    (now_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / static_cast<double>(count) + static_cast<double>(hash & 1) * 1e-9);
    } else if (mode == "keep") {  // never freed
        for (long i = 0; i < count; ++i) allocate(static_cast<std::size_t>(16 + i % 1000));
        std::_Exit(0);
    } else if (mode == "read") {
        leakline::heap::SegmentReader segment(leakline::Descriptor(::open(argv[2], O_RDONLY | O_CLOEXEC)), argv[2]);
        std::vector<double> times;
        for (int i = 0; i < 9; ++i) {
            const double start = now_ns(CLOCK_MONOTONIC);
            if (!segment.read()) return 1;
            times.push_back((now_ns(CLOCK_MONOTONIC) - start) / 1e6);
        }
        std::sort(times.begin(), times.end());
        const auto live =
            std::count_if(segment.samples().begin(), segment.samples().end(), [](const auto& block) { return block.number != 0; });
        std::printf("%.2f ms for %ld samples\n", times[times.size() / 2], static_cast<long>(live));
    } else {
        std::fputs("usage: bench_agent hot|many|threads|requests|keep N | read FILE\n", stderr);
        return 2;
    }
}
