#include "memory/series_reader.hpp"

#include <algorithm>
#include <cstring>

#include "memory/series_formats.hpp"

namespace leakline::memory {

SniffedSource::SniffedSource(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {
    head_.resize(kHead);
    std::size_t size = 0;
    while (size < kHead) {
        const std::size_t got = source_->read(std::span(head_).subspan(size));
        if (got == 0) break;
        size += got;
    }
    head_.resize(size);
}

std::size_t SniffedSource::read(std::span<char> buffer) {
    if (given_ == head_.size()) return source_->read(buffer);
    const std::size_t got = std::min(buffer.size(), head_.size() - given_);
    std::memcpy(buffer.data(), head_.data() + given_, got);
    given_ += got;
    return got;
}

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
    auto sniffed = std::make_unique<SniffedSource>(std::move(source));
    const std::string_view head = sniffed->head();
    if (head.empty()) throw Error(ErrorKind::input, name, "is empty", "expected memory over time, as CSV with a header");
    for (const SeriesFormat& format : series_formats()) {
        if (!format.detect(head)) continue;
        SeriesCollector collector(name, options);
        format.read(std::move(sniffed), name, options, collector);
        return collector.finish(std::string(format.name));
    }
    throw Error(ErrorKind::input, name, "is not text: no CSV, mprof or log of docker stats, ps or pidstat",
                "leakline lines reads heap recordings");
}

}  // namespace leakline::memory
