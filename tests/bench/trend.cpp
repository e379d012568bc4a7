// What a verdict and the reading of a series cost. For scripts/bench/trend.sh.
//   bench_trend generate ROWS FILE   writes a CSV of samples
//   bench_trend judge SAMPLES        least of five rounds, seconds of CPU: one long series, and one of 2,000 samples
//   bench_trend read FILE            the same of reading FILE as a series, and of reading its bytes alone
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/trend/internal/traces.hpp"
#include "analysis/trend/trend.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "memory/series_reader.hpp"
#include "system/byte_source.hpp"
#include "system/output_file.hpp"

namespace {

using namespace leakline;

double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// The least of some rounds: what others do to the machine only adds.
template <typename Work>
double least_seconds(int rounds, Work work) {
    double best = 1e9;
    for (int round = 0; round < rounds; ++round) {
        const double start = cpu_seconds();
        work();
        best = std::min(best, cpu_seconds() - start);
    }
    return best;
}

// A collector's saw of 40 teeth in correlated noise on a leak of 20 MiB, in pages.
Series long_series(std::size_t count) {
    analysis::TraceRandom random(1, 1, 1);
    Series series;
    double noise = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double x = static_cast<double>(i) / static_cast<double>(count);
        noise = .99 * noise + .14 * random.normal();
        series.seconds.push_back(static_cast<double>(i) * .05);
        series.value.push_back(std::round((300 + noise + 20 * x + 15 * std::fmod(x * 40, 1)) * 256) * 4096);
    }
    return series;
}

void generate(std::size_t rows, const std::string& path) {
    OutputFile file(path);
    file.write("unix_ms,rss_bytes\n");
    std::string block;
    const Series series = long_series(rows);
    for (std::size_t i = 0; i < rows; ++i) {
        block += fmt::format("{},{}\n", 1717243200000 + 50 * i, static_cast<Bytes>(series.value[i]));
        if (block.size() > (1u << 20) || i + 1 == rows) {
            file.write(block);
            block.clear();
        }
    }
    file.commit();
}

void judge(std::size_t count) {
    const Series series = long_series(count);
    Trend verdict{};
    const double seconds = least_seconds(5, [&] { verdict = analysis::judge_trend(series).verdict; });
    fmt::print("judge_s {:.4f}\n", seconds);
    const Series small = long_series(2000);
    fmt::print("judge_small_ms {:.3f}\n", 1000 * least_seconds(20, [&] { verdict = analysis::judge_trend(small).verdict; }));
    fmt::print("verdict {}\n", trend_name(verdict));
}

void read(const std::string& path) {
    std::uint64_t samples = 0;
    fmt::print("read_s {:.4f}\n", least_seconds(5, [&] { samples = memory::read_series(path).samples; }));
    std::vector<char> buffer(1u << 20);
    std::uint64_t bytes = 0;
    fmt::print("bytes_s {:.4f}\n", least_seconds(5, [&] {
                   const auto source = open_source(path);
                   bytes = 0;
                   while (const std::size_t got = source->read(buffer)) bytes += got;
               }));
    fmt::print("samples {}\nbytes {}\n", samples, bytes);
}

int run(int argc, char** argv) {
    const std::string_view what = argc > 2 ? argv[1] : "";
    if (what == "generate" && argc == 4) {
        generate(static_cast<std::size_t>(std::atoll(argv[2])), argv[3]);
    } else if (what == "judge") {
        judge(static_cast<std::size_t>(std::atoll(argv[2])));
    } else if (what == "read") {
        read(argv[2]);
    } else {
        fmt::print(stderr, "usage: bench_trend generate ROWS FILE | judge SAMPLES | read FILE\n");
        return 2;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const Error& error) {
        fmt::print(stderr, "bench_trend: {}\n", error.what());
        return 2;
    }
}
