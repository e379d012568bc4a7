// Exports the latest samples to Prometheus, for processes without an exporter of their own.
//
// Thread-safety: publish and end_tick from one thread; scrapes are answered on the exporter's own thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "memory/source.hpp"
#include "model/memory.hpp"

namespace leakline::memory {

struct ExportedProcess {
    Subject subject;
    MemorySample latest;            // each metric's latest value
    double start_time_seconds = 0;  // since the Unix epoch; 0 if it is not a process
    bool seen = true;               // in the current tick
};

// The text exposition format (version 0.0.4): families together, HELP and TYPE before each.
std::string exposition(const std::vector<ExportedProcess>& processes, const std::vector<Metric>& metrics);

// Start time of a process, from its start ticks and the boot time in /proc/stat; 0 if that cannot be read.
double start_time_seconds(const Subject& subject, const SystemRoots& roots = {});

class Exporter {
  public:
    // Listens at once. listen: see http::parse_listen, also for what it throws. Throws Error{input} if the port is taken.
    Exporter(std::string_view listen, std::vector<Metric> metrics, const SystemRoots& roots = {});
    ~Exporter();

    // Values that are absent from this sample (between detailed ticks) keep their last value.
    void publish(const Subject& subject, const MemorySample& sample);
    // Removes processes that published nothing since the last end_tick: they have ended.
    void end_tick();
    std::string url() const;  // of the metrics

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace leakline::memory
