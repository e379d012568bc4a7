// Any bytes as a file of samples: every reader, then the verdict on what it gave.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "analysis/trend/trend.hpp"
#include "base/error.hpp"
#include "memory/series_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leakline;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    memory::SeriesReadOptions options;
    options.interval_s = 1;
    options.max_points = 64;  // so that short inputs are thinned too
    try {
        const memory::SeriesFile file = memory::read_series(memory_source(bytes), "fuzz", options);
        if (file.series.empty()) std::abort();
        for (const Series& series : file.series) {
            if (series.size() == 0 || series.value.size() != series.size()) std::abort();
            if (!series.requests.empty() && series.requests.size() != series.size()) std::abort();
            for (std::size_t i = 1; i < series.size(); ++i) {
                if (!(series.seconds[i] > series.seconds[i - 1])) std::abort();
            }
            if (analysis::judge_trend(series).reasons.empty()) std::abort();
        }
    } catch (const Error&) {
        // a clear refusal
    }
    return 0;
}
