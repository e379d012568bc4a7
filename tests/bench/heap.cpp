// Work for scripts/bench/heap.sh: makes heap recordings of a given shape, reads one as leakline does, and is a program
// to record. Each is one process, so that time and memory can be taken from outside.
#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "heap/profile_reader.hpp"

namespace {

// An interpreted recording on standard output, of a service: requests of 64 kinds, each ~140 allocations and their frees
// in that kind's own order; one allocation in ten is of any of `infos` distinct (size, trace) pairs (on a quarter as many
// traces), which become known as the run goes on; one in a hundred is kept for ten thousand others, or for ever. A tick
// every 1000 events. Seeded.
int generate(std::uint64_t infos, std::uint64_t events) {
    std::mt19937_64 random(20240607);
    std::string out = "v 10400 3\nX ./service --made-for-a-benchmark\nI 1000 5e298d\n";
    const auto flush = [&] {
        std::fwrite(out.data(), 1, out.size(), stdout);
        out.clear();
    };
    const auto put = [&](std::string_view format, std::uint64_t value) {
        fmt::format_to(std::back_inserter(out), fmt::runtime(format), value);
        if (out.size() > (1 << 20)) flush();
    };
    const auto put2 = [&](std::string_view format, std::uint64_t a, std::uint64_t b) {
        fmt::format_to(std::back_inserter(out), fmt::runtime(format), a, b);
        if (out.size() > (1 << 20)) flush();
    };
    const std::uint64_t traces = infos / 4 + 1, functions = 2000;
    for (std::uint64_t i = 0; i < functions; ++i) put("s 1c service_function_{:06}(int)\n", i);
    for (std::uint64_t i = 0; i < functions; ++i) put2("i {:x} 0 {:x} 0 0\n", 0x400000 + i * 16, i + 1);
    for (std::uint64_t i = 0; i < traces; ++i) put2("t {:x} {:x}\n", random() % functions + 1, i < 8 ? 0 : random() % i);
    struct Step {
        bool allocate;
        std::uint64_t which;  // to allocate: the info; to free: which allocation of the request
    };
    std::vector<std::vector<Step>> kinds(64);
    for (std::vector<Step>& kind : kinds) {
        std::vector<std::uint64_t> open;
        for (std::uint64_t made = 0; made < 140 || !open.empty();) {
            if (made < 140 && (open.empty() || random() % 100 < 60)) {
                kind.push_back({true, random() % 512});
                open.push_back(made++);
            } else {
                const std::size_t at = random() % 4 != 0 ? open.size() - 1 : random() % open.size();
                kind.push_back({false, open[at]});
                open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
            }
        }
    }
    std::uint64_t known = 0, event = 0;
    const auto learn = [&] {
        put2("a {:x} {:x}\n", random() % 4096 + 1, random() % traces + 1);
        ++known;
    };
    while (known < std::min<std::uint64_t>(infos, 512)) learn();
    const auto count_event = [&] {
        if (event++ % 1000 == 0) put2("c {:x}\nR {:x}\n", event / 100, 5000 + event / 100000);
    };
    std::vector<std::uint64_t> kept(10000, infos), request;
    while (event < events) {
        request.clear();
        for (const Step& step : kinds[random() % kinds.size()]) {
            const std::uint64_t chance = random() % 1000;
            if (step.allocate) {
                std::uint64_t info = step.which % known;
                if (chance < 100) {
                    if (known < infos && known * events < event * infos * 2) learn();
                    info = random() % known;
                }
                count_event();
                put("+ {:x}\n", info);
                request.push_back(info);
            } else if (chance < 10) {
                std::uint64_t& place = kept[random() % kept.size()];
                std::swap(place, request[step.which]);
                if (request[step.which] == infos || chance == 0) continue;  // an empty place, or one that is forgotten
                count_event();
                put("- {:x}\n", request[step.which]);
            } else {
                count_event();
                put("- {:x}\n", request[step.which]);
            }
        }
    }
    while (known < infos) learn();
    put2("\n# strings: {}\n# ips: {}\n", functions, functions);
    flush();
    return 0;
}

int read(const char* path, unsigned threads) {
    leakline::heap::ReadOptions options;
    options.threads = threads;
    const leakline::HeapProfile profile = leakline::heap::read_profile(path, options);
    std::int64_t leaked = 0;
    std::uint64_t calls = 0;
    std::vector<leakline::TraceCost> last(profile.traces.size());
    for (const auto& mark : profile.marks)
        for (const auto& change : mark.changes) last[change.trace.value - 1] = change.cost;
    for (const auto& cost : last) {
        leaked += cost.live_bytes;
        calls += cost.allocations;
    }
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    fmt::print("events {} calls {} leaked {} peak {} marks {} {} damage {} maxrss_kib {}\n", profile.events, calls, leaked,
               profile.peak_bytes, profile.marks.size(), completeness_name(profile.completeness), profile.damage.count(), usage.ru_maxrss);
    return 0;
}

__attribute__((noinline)) void* grab(std::size_t size, int depth) {
    if (depth == 0) return std::malloc(size);
    void* block = grab(size, depth - 1);
    asm volatile("" : "+r"(block));
    return block;
}

// An allocation-bound program: `events` mallocs and frees from a few dozen call stacks, nothing else.
int churn(std::uint64_t events) {
    std::vector<void*> ring(4096, nullptr);
    std::uint64_t state = 1;
    for (std::uint64_t i = 0; i < events / 2; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        void*& slot = ring[state >> 52];
        std::free(slot);
        slot = grab(16 + (state >> 33) % 500, 4 + static_cast<int>((state >> 40) % 24));
    }
    for (void* block : ring) std::free(block);
    return 0;
}

// `pairs` distinct (size, trace) pairs: heaptrack 1.4's interpreter does not survive 110,000 of them.
int many_pairs(std::uint64_t pairs) {
    for (std::uint64_t i = 0; i < pairs; ++i) {
        void* block = grab(16 + i / 32, static_cast<int>(i % 32));
        std::free(block);
    }
    return 0;
}

// A steady load: `rate` events a second for `seconds`.
int steady(std::uint64_t rate, std::uint64_t seconds) {
    timespec next{};
    ::clock_gettime(CLOCK_MONOTONIC, &next);
    for (std::uint64_t slice = 0; slice < seconds * 100; ++slice) {
        churn(rate / 100);
        next.tv_nsec += 10'000'000;
        if (next.tv_nsec >= 1'000'000'000) {
            next.tv_nsec -= 1'000'000'000;
            ++next.tv_sec;
        }
        ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, nullptr);
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    const std::string mode = argc > 1 ? argv[1] : "";
    const auto number = [&](int index) { return index < argc ? std::strtoull(argv[index], nullptr, 10) : 0; };
    if (mode == "generate" && argc == 4) return generate(number(2), number(3));
    if (mode == "read" && argc == 4) return read(argv[2], static_cast<unsigned>(number(3)));
    if (mode == "churn" && argc == 3) return churn(number(2));
    if (mode == "pairs" && argc == 3) return many_pairs(number(2));
    if (mode == "steady" && argc == 4) return steady(number(2), number(3));
    std::fprintf(stderr, "bench_heap generate INFOS EVENTS | read FILE THREADS | churn EVENTS | pairs N | steady RATE SECONDS\n");
    return 2;
} catch (const leakline::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
