// A Prometheus answer in any bytes: columns of equal length with finite values, or a reason.
#include <cmath>
#include <cstdint>
#include <string_view>

#include "memory/internal/prometheus_answer.hpp"
#include "memory/prometheus.hpp"
#include "require.hpp"

namespace {

using leakline::fuzz::require;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leakline::memory;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const std::size_t most : {std::size_t{1}, std::size_t{1000}}) {
        const MatrixAnswer answer = parse_matrix(text, most);
        require(answer.series.size() <= most);
        require(answer.warnings.size() <= 10);
        for (const MatrixSeries& series : answer.series) {
            require(series.seconds.size() == series.values.size());
            for (const double value : series.values) require(std::isfinite(value));
            for (const double at : series.seconds) require(std::isfinite(at));
            labels_text(series.labels);
        }
    }
    start_time_selector(std::string(text));
    return 0;
}
