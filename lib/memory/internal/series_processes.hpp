// Sorts the samples of a file by series and process, and decides whether it is one service whose process was restarted
// (one series, split at the restarts) or several processes (a series each). A mixture is refused, not judged.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "memory/series_builder.hpp"
#include "memory/series_reader.hpp"

namespace leakline::memory {

class SeriesCollector {
  public:
    static constexpr std::size_t kMaxProcesses = 10'000;
    // Between the values of several columns that name a series together.
    static constexpr char kBetweenLabels = '\x1f';

    SeriesCollector(std::string name, const SeriesReadOptions& options) : name_(std::move(name)), options_(options) {}

    // series: its name in the file (container, pod, command), or ""; there may be several labels. process: its
    // identity in the series (pid), which changes at a restart. line: where the sample stands, for damage.
    void add(std::string_view series, std::string_view process, const RawSample& sample, std::uint64_t line);
    // For files without either.
    void add(const RawSample& sample, std::uint64_t line) { add({}, {}, sample, line); }
    void skipped(std::uint64_t line, std::string message);
    void note(std::string text) { file_.notes.push_back(std::move(text)); }
    // How the bytes ended, after that many lines: a compressed file that is cut or damaged is reported.
    void ended(StreamEnd end, std::uint64_t line);
    std::uint64_t samples() const { return file_.samples; }

    // Throws Error{input} if there is no good sample, most samples go back in time, or times repeat so often that
    // several processes must have been mixed.
    SeriesFile finish(std::string format);

  private:
    struct Waiting {
        RawSample sample;
        std::uint64_t line;
        double back;  // seconds before the newest sample
    };
    struct Process {
        std::string series, name;
        SeriesBuilder builder;
        std::uint64_t duplicates = 0;
        double last_bytes = 0, first_seconds = 0;
        double ahead = 0;  // added to each time: how far the clock was set back
        int times_set_back = 0;
        bool not_set_back = false;  // samples that go back now have another cause
        std::vector<Waiting> late;  // samples that went back in time, until it is known whether the clock was set back
    };
    struct Part;

    Process& process_named(std::string_view series, std::string_view process);
    void add(Process& process, RawSample sample, std::uint64_t line);
    void defer_late_sample(Process& process, const RawSample& sample, std::uint64_t line);
    bool clock_was_set_back(Process& process);
    void drop_late(Process& process);
    void refuse_mixed() const;
    void refuse_alternating(const Series& series) const;
    std::vector<Part> parts();
    void leave_out_short(std::vector<Part>& parts);
    void put_series(const std::string& label, std::vector<Part> parts, bool alone);
    std::string place(std::uint64_t line) const { return name_ + ":" + std::to_string(line); }
    Series restarted_service(std::vector<std::pair<double, Series>> processes) const;

    std::string name_;
    SeriesReadOptions options_;
    std::map<std::string, Process, std::less<>> processes_;
    Process* current_ = nullptr;
    SeriesFile file_;
    std::uint64_t backwards_ = 0, seen_ = 0;
    std::string key_;
};

}  // namespace leakline::memory
