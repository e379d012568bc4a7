// What counting and alerting cost, one by one: "NAME NANOSECONDS" lines for scripts/bench/service.sh.
#include <chrono>
#include <cstdio>

#include "alert/monitor.hpp"
#include "service/internal/metrics.hpp"

namespace {

template <class Work>
double nanoseconds_each(int times, Work work) {
    double best = 1e18;
    for (int run = 0; run < 5; ++run) {
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < times; ++i) work(i);
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        best = std::min(best, took.count() / times);
    }
    return best;
}

}  // namespace

int main() {
    using namespace leakline;
    service::RequestMetrics metrics;
    alert::MonitorOptions options;
    options.source = "bench";
    alert::MemoryMonitor monitor(options, [](const std::string&) {});
    std::printf("count %.2f\n", nanoseconds_each(5'000'000, [&](int) { metrics.count(service::Route::track, 200); }));
    std::printf("watch %.0f\n", nanoseconds_each(20'000, [&](int i) {
                    const auto resident = service::own_resident_bytes();
                    monitor.observe(resident.value_or(0), Bytes{1} << 40, std::chrono::seconds(i), std::chrono::seconds(i));
                }));
    return metrics.total() > 0 ? 0 : 1;
}
