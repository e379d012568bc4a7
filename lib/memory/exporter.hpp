// The latest samples as a Prometheus exporter, for processes that have none of their own.
//
// Thread-safety: publish and end_tick from one thread; scrapes are answered on a thread of the exporter's.
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
    double start_time_seconds = 0;  // since the Unix epoch; 0 where it is no process
    bool seen = true;               // in the present tick
};

// The text exposition format (version 0.0.4): families together, HELP and TYPE before each.
std::string exposition(const std::vector<ExportedProcess>& processes, const std::vector<Metric>& metrics);

// When a process started, from its start ticks and the boot time in /proc/stat; 0 where that cannot be read.
double start_time_seconds(const Subject& subject, const SystemRoots& roots = {});

class Exporter {
  public:
    // Listens at once. listen: what http::parse_listen takes, and throws for. Throws Error{input} where the port is taken.
    Exporter(std::string_view listen, std::vector<Metric> metrics, const SystemRoots& roots = {});
    ~Exporter();

    // Values that this sample has not (between detailed ticks) keep their last ones.
    void publish(const Subject& subject, const MemorySample& sample);
    // Forgets what published nothing since the last end_tick: a dead process must not look alive.
    void end_tick();
    std::string url() const;  // of the metrics

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace leakline::memory
