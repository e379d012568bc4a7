// The files of `leakline sample`: each -o path, or one file per process with --children each.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "memory/samples_file.hpp"

namespace leakline::cli {

class SampleOutputs {
  public:
    // Opens the paths, so that an unwritable one is known before any work; what they hold stays until begin().
    // Throws Error{input}. An empty list is no output.
    SampleOutputs(const std::vector<std::string>& paths, memory::Retention retention);
    // Files that this object made are removed again where begin() was never reached.
    ~SampleOutputs();

    // How many processes the samples will be of.
    enum class Processes {
        one,
        one_tree,  // with --children each: a CSV file each; .dat has CHLD records for them
        several,   // a CSV or .dat file each
    };
    // Where a file a process is wanted it is NAME.PID.EXT (a trend is of one process), of a cgroup NAME.CGROUP.EXT, made
    // when its first sample comes and closed when it has gone; standard output gets a column pid instead; OpenMetrics has labels anyway.
    void begin(memory::SampleLayout layout, Processes processes);
    void add(const memory::Subject& subject, const MemorySample& sample);
    void end_tick();
    void finish();

    bool on_standard_output() const { return on_standard_output_; }
    const std::vector<std::string>& written() const { return written_; }  // the files begun, without standard output

  private:
    struct Target {
        std::string path;
        bool created = false;                      // it was not there before us
        std::unique_ptr<memory::SampleFile> file;  // nothing where each process has its own
        memory::SampleLayout layout;
        struct OfSubject {
            std::unique_ptr<memory::SampleFile> file;
            bool alive = true;  // it had a sample in this tick
        };
        std::map<std::pair<int, std::string>, OfSubject> by_subject;  // a pid, or 0 and a cgroup
    };

    memory::Retention retention_;
    std::vector<Target> targets_;
    std::vector<std::string> written_;
    bool on_standard_output_ = false;
    bool begun_ = false;
};

}  // namespace leakline::cli
