#include "memory/series_reader.hpp"

#include "memory/internal/series_encoding.hpp"
#include "memory/internal/series_formats.hpp"
#include "system/peeked_source.hpp"

namespace leakline::memory {

const std::vector<SeriesFormat>& series_formats() {
    static const std::vector<SeriesFormat> table = {
        {"prometheus", "response of Prometheus' query_range, JSON", detect_prometheus_json, read_prometheus_json},
        {"openmetrics", "metrics with timestamps, as leakline sample writes .om", detect_openmetrics, read_openmetrics},
        {"mprof", "memory_profiler's .dat", detect_mprof, read_mprof},
        {"psrecord", "psrecord's log", detect_psrecord, read_psrecord},
        {"docker stats", "log of docker stats", detect_docker_stats, read_docker_stats},
        {"pidstat", "log of pidstat -r", detect_pidstat, read_process_tables},
        {"kubectl top", "log of kubectl top", detect_kubectl, read_process_tables},
        {"sar -r", "report of sar -r", detect_sar, read_process_tables},
        {"smem", "log of smem", detect_smem, read_process_tables},
        {"free", "log of free", detect_free, read_process_tables},
        {"top", "log of top -b", detect_top, read_process_tables},
        {"ps", "log of ps", detect_ps, read_process_tables},
        {"values", "lines with a value and its unit", detect_values, read_values},
        {"csv", "CSV", detect_csv, read_csv},
    };
    return table;
}

SeriesFile read_series(const std::string& path, const SeriesReadOptions& options) {
    return read_series(open_source(path), path == "-" ? "stdin" : path, options);
}

SeriesFile read_series(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options) {
    constexpr std::size_t kHead = 16 * 1024;
    auto peeked = std::make_unique<PeekedSource>(as_utf8(std::move(source)));
    const std::string_view head = peeked->peek(kHead);
    if (head.empty()) throw Error(ErrorKind::input, name, "is empty", "expected memory over time, as CSV with a header");
    refuse_other_formats(head, name);
    for (const SeriesFormat& format : series_formats()) {
        if (!format.detect(head)) continue;
        SeriesCollector collector(name, options);
        format.read(std::move(peeked), name, options, collector);
        return collector.finish(std::string(format.name));
    }
    throw Error(ErrorKind::input, name, "is not text: not CSV, mprof or a log of docker stats, ps or pidstat",
                "leakline lines reads heap recordings");
}

}  // namespace leakline::memory
