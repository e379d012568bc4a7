// The formats of series_reader: one row and one file each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "memory/internal/series_processes.hpp"
#include "memory/series_reader.hpp"

namespace leakline::memory {

using SeriesReadFunction = void(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options,
                                SeriesCollector& collector);

struct SeriesFormat {
    std::string_view name;
    std::string_view summary;
    bool (*detect)(std::string_view head);
    SeriesReadFunction* read;
};

const std::vector<SeriesFormat>& series_formats();  // in the order in which they are tried; CSV takes the rest

bool detect_csv(std::string_view head);
bool detect_mprof(std::string_view head);
bool detect_psrecord(std::string_view head);
bool detect_docker_stats(std::string_view head);
bool detect_prometheus_json(std::string_view head);
bool detect_openmetrics(std::string_view head);
bool detect_pidstat(std::string_view head);
bool detect_ps(std::string_view head);
bool detect_top(std::string_view head);
bool detect_kubectl(std::string_view head);
bool detect_smem(std::string_view head);
bool detect_free(std::string_view head);
bool detect_sar(std::string_view head);
bool detect_values(std::string_view head);

SeriesReadFunction read_csv, read_mprof, read_psrecord, read_docker_stats, read_prometheus_json, read_openmetrics, read_process_tables,
    read_values;

// Throws Error{input} if the file is of a known kind without memory over time: the message says what it looks like, and
// which command reads or converts it.
void refuse_other_formats(std::string_view head, const std::string& name);

}  // namespace leakline::memory
