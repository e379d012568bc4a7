// The formats behind series_reader: a row each, one file each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "memory/series_processes.hpp"
#include "memory/series_reader.hpp"

namespace leakline::memory {

// A source whose first bytes can be looked at before it is read.
class SniffedSource final : public ByteSource {
  public:
    static constexpr std::size_t kHead = 16 * 1024;

    explicit SniffedSource(std::unique_ptr<ByteSource> source);
    std::string_view head() const { return head_; }  // up to kHead bytes, less where the source is shorter

    std::size_t read(std::span<char> buffer) override;
    StreamEnd end() const override { return source_->end(); }
    std::string_view encoding() const override { return source_->encoding(); }
    std::uint64_t consumed() const override { return source_->consumed(); }
    std::optional<std::uint64_t> total() const override { return source_->total(); }

  private:
    std::unique_ptr<ByteSource> source_;
    std::string head_;
    std::size_t given_ = 0;  // of head_
};

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
