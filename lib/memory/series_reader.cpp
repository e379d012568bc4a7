#include "memory/series_reader.hpp"

#include "base/peeked_source.hpp"
#include "memory/series_formats.hpp"

namespace leakline::memory {

const std::vector<SeriesFormat>& series_formats() {
    static const std::vector<SeriesFormat> table = {
        {"mprof", "memory_profiler's .dat", detect_mprof, read_mprof},
        {"docker stats", "log of docker stats", detect_docker_stats, read_docker_stats},
        {"pidstat", "log of pidstat -r", detect_pidstat, read_process_tables},
        {"ps", "log of ps", detect_ps, read_process_tables},
        {"csv", "CSV with a header", detect_csv, read_csv},
    };
    return table;
}

SeriesFile read_series(const std::string& path, const SeriesReadOptions& options) {
    return read_series(open_source(path), path == "-" ? "stdin" : path, options);
}

SeriesFile read_series(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options) {
    constexpr std::size_t kHead = 16 * 1024;
    auto peeked = std::make_unique<PeekedSource>(std::move(source));
    const std::string_view head = peeked->peek(kHead);
    if (head.empty()) throw Error(ErrorKind::input, name, "is empty", "expected memory over time, as CSV with a header");
    for (const SeriesFormat& format : series_formats()) {
        if (!format.detect(head)) continue;
        SeriesCollector collector(name, options);
        format.read(std::move(peeked), name, options, collector);
        return collector.finish(std::string(format.name));
    }
    throw Error(ErrorKind::input, name, "is not text: no CSV, mprof or log of docker stats, ps or pidstat",
                "leakline lines reads heap recordings");
}

}  // namespace leakline::memory
