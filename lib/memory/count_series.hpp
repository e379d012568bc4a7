// Counts over time (threads, descriptors, mappings, processes) from the samples that `leakline sample` writes.
//
// Thread-safety: functions without state; one CountedSource, one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/resources.hpp"
#include "model/series.hpp"
#include "system/byte_source.hpp"
#include "system/peeked_source.hpp"

namespace leakline::memory {

struct CountSeries {
    Resource resource = Resource::descriptors;
    Series series;                       // value: a count
    std::optional<std::uint64_t> limit;  // the last value of its column fds_limit, threads_limit, ...
};

// The columns threads, fds, mappings and processes of a CSV file with a header and a column unix_ms or t_s; a cumulative column
// requests, if there is one, applies to each, and so does a limit in a column fds_limit, threads_limit, .... Rows that cannot be read and times that do not increase are skipped. Empty if
// the text has no such column; series of several processes in one text (a column pid) are skipped too.
std::vector<CountSeries> count_series(std::string_view text);

// A source that keeps a copy of what is read through it if its first line names counts: a pipe can be read only once.
class CountedSource final : public ByteSource {
  public:
    explicit CountedSource(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

    // Looks at the first bytes before they are read. kept must outlive this; it receives what was read, or nothing if the first
    // line names no counts or the text is larger than 256 MiB.
    void keep_in(std::string& kept);

    std::string_view peek(std::size_t size) { return source_.peek(size); }
    std::size_t read(std::span<char> buffer) override;
    StreamEnd end() const override { return source_.end(); }
    std::string_view encoding() const override { return source_.encoding(); }
    std::uint64_t consumed() const override { return source_.consumed(); }
    std::optional<std::uint64_t> total() const override { return source_.total(); }

  private:
    PeekedSource source_;
    std::string* kept_ = nullptr;
};

}  // namespace leakline::memory
