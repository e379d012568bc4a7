// Samples as text: the rows of each format (pure), and the file that they are written to.
//
// Thread-safety: the functions have no state; one SampleFile, one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/exposition.hpp"
#include "memory/source.hpp"
#include "model/memory.hpp"

namespace leakline::memory {

// csv: a header, then a row per sample: unix_ms and a column per metric; what could not be read is empty.
// mprof: memory_profiler's .dat: CMDLINE, then MEM (and CHLD for other processes) with the first metric in MiB.
// openmetrics: a line per value, with its time in seconds. One metric of one process is strictly valid OpenMetrics;
//   with several, the lines are in the order of time, which promtool reads although the specification groups them.
enum class SampleFormat { csv, mprof, openmetrics };

// By the extension: .dat is mprof's, .om, .prom and .openmetrics are OpenMetrics, anything else is CSV.
SampleFormat sample_format_of(std::string_view path);

struct SampleLayout {
    SampleFormat format = SampleFormat::csv;
    std::vector<Metric> metrics = {Metric::rss};  // in the order of the columns; not empty
    std::string command;                          // for mprof's CMDLINE
    bool microseconds = false;                    // CSV: unix_ms with three decimals, for ticks below 10 ms
    bool process_column = false;                  // CSV: a column pid, if several processes share the file
    int main_pid = 0;                             // mprof: samples of other pids are CHLD records
};

// The text before the samples: CSV's header, mprof's CMDLINE, OpenMetrics' HELP, TYPE and UNIT lines.
std::string samples_head(const SampleLayout& layout);
// Appends the lines of one sample to out.
void append_sample(std::string& out, const SampleLayout& layout, const Subject& subject, const MemorySample& sample);
// The text after the samples: OpenMetrics' "# EOF".
std::string samples_foot(const SampleLayout& layout);

// How OpenMetrics and Prometheus name a metric; a counter's sample carries "_total" after it.
struct MetricFamily {
    std::string_view name, unit;
    MetricType type;
    std::string_view help;
};
const MetricFamily& metric_family(Metric metric);
// process="trackd",pid="123" or cgroup="/sys/fs/cgroup/x", escaped.
std::string metric_labels(const Subject& subject);

// How a file that grows for days is bounded.
struct Retention {
    enum class Mode {
        all,     // it grows
        rotate,  // at max_bytes it becomes NAME.1, NAME.1 becomes NAME.2, ...; `kept` of them stay
        thin,    // at max_bytes every second tick is removed, and from then on only every second one is written; repeatedly
    };
    Mode mode = Mode::all;
    std::uint64_t max_bytes = 64u << 20;
    int kept = 4;
};

// A file of samples that is valid at every moment.
//
// It is written in place and not under a temporary name, because a run may take 72 hours and end by kill -9, and what
// was sampled until then is the result. So a tick is one write() of whole rows, and if the disk accepts only a part of
// them the file is cut back to the last whole row: kill -9 loses at most the tick being taken. (A power cut can take
// the last seconds, which the kernel had not written back.) Rotation renames, thinning replaces the file by rename.
class SampleFile {
  public:
    // Opens the file, so that an unwritable place is known before any work; an older file keeps its content until
    // begin(). "-" is standard output. Throws Error{input} with the reason.
    explicit SampleFile(std::string path, Retention retention = {});
    ~SampleFile();
    SampleFile(const SampleFile&) = delete;
    SampleFile& operator=(const SampleFile&) = delete;

    // Empties the file and writes the head. This and the rest throw Error{system} if writing fails.
    void begin(SampleLayout layout);
    void add(const Subject& subject, const MemorySample& sample);  // of the current tick
    void end_tick();                                               // writes what was added since the last end_tick
    void finish();                                                 // writes the foot
    const std::string& path() const { return path_; }
    std::uint64_t ticks() const { return ticks_; }  // written or thinned out

  private:
    void open();
    void start();
    void write(std::string_view bytes);
    void rotate();
    void thin();

    std::string path_;
    SampleLayout layout_;
    Retention retention_;
    int descriptor_ = -1;
    bool regular_ = false;    // a file that can be cut, rotated and thinned
    std::uint64_t size_ = 0;  // of whole rows
    std::uint64_t ticks_ = 0;
    std::uint64_t every_ = 1;  // every n-th tick is written (thinning)
    std::string pending_;
};

}  // namespace leakline::memory
