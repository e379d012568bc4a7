// The formats behind series_reader: a row each, one file each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "memory/series_processes.hpp"
#include "memory/series_reader.hpp"

namespace leakline::memory {

struct SeriesFormat {
    std::string_view name;
    std::string_view summary;
    bool (*detect)(std::string_view head);
    void (*read)(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options,
                 SeriesCollector& collector);
};

const std::vector<SeriesFormat>& series_formats();  // in the order in which they are tried; CSV takes the rest

bool detect_csv(std::string_view head);
void read_csv(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options,
              SeriesCollector& collector);
bool detect_mprof(std::string_view head);
void read_mprof(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options,
                SeriesCollector& collector);
bool detect_docker_stats(std::string_view head);
void read_docker_stats(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options,
                       SeriesCollector& collector);
bool detect_pidstat(std::string_view head);
bool detect_ps(std::string_view head);
void read_process_tables(std::unique_ptr<ByteSource> source, const std::string& name, const SeriesReadOptions& options,
                         SeriesCollector& collector);

}  // namespace leakline::memory
