// Sorts the samples of a file by process, and decides what the file is: one service whose process was restarted (one
// series, split at the restarts) or several processes side by side (a series each).
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "memory/series_builder.hpp"
#include "memory/series_reader.hpp"

namespace leakline::memory {

class SeriesCollector {
  public:
    static constexpr std::size_t kMaxProcesses = 10'000;

    SeriesCollector(std::string name, const SeriesReadOptions& options) : name_(std::move(name)), options_(options) {}

    // process: any identity (pid and start time, container name). line: where the sample stands, for damage.
    void add(const std::string& process, const RawSample& sample, std::uint64_t line);
    // The same for numeric identities, without a lookup while the process stays the same.
    void add(double process, const RawSample& sample, std::uint64_t line);
    // For files without a process.
    void add(const RawSample& sample, std::uint64_t line);
    void skipped(std::uint64_t line, std::string message);
    // How the bytes ended, after that many lines: a file cut or damaged inside its compression is reported.
    void ended(StreamEnd end, std::uint64_t line);

    // Throws Error{input} where nothing good was added, or most samples go back in time.
    SeriesFile finish(std::string format);

  private:
    struct Process {
        SeriesBuilder builder;
        double identity = 0;
    };
    Process& process_named(const std::string& name);
    void add(Process& process, const RawSample& sample, std::uint64_t line);
    std::string place(std::uint64_t line) const { return name_ + ":" + std::to_string(line); }
    Series restarted_service(std::vector<std::pair<double, Series>> processes) const;

    std::string name_;
    SeriesReadOptions options_;
    std::map<std::string, Process> processes_;
    Process* current_ = nullptr;
    SeriesFile file_;
    std::uint64_t backwards_ = 0, seen_ = 0;
};

}  // namespace leakline::memory
