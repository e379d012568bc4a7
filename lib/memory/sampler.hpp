// Samples memory at a steady beat in a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/quantities.hpp"
#include "memory/source.hpp"
#include "model/memory.hpp"
#include "system/procfs.hpp"

namespace leakline::memory {

struct SampleOptions {
    int pid = 0;
    Nanoseconds interval = std::chrono::milliseconds(100);  // of RSS
    Nanoseconds detail_interval = std::chrono::seconds(1);  // of what needs smaps_rollup (PSS, USS, swap, ...)
    std::vector<Metric> metrics = {Metric::rss};
    SystemRoots roots = {};
};

// Thread-safety: start, stop and the destructor from one thread; on_sample is called from the sampling thread.
class Sampler {
  public:
    // Throws Error{system} where the process does not exist or its memory cannot be read, Error{usage} where an
    // interval is not positive. The first tick is at once; ticks are on an absolute schedule (no drift); a tick that
    // comes late is taken once, not made up for. Between detailed ticks what needs them is absent from a sample.
    Sampler(SampleOptions options, std::function<void(const MemorySample&)> on_sample);
    // Of anything else: read is called at each tick from the sampling thread; false: what was watched is gone. Throws
    // Error{usage} as above.
    Sampler(Nanoseconds interval, Nanoseconds detail_interval, std::function<bool(Depth)> read);
    ~Sampler();                 // stops
    void stop();                // returns after the last on_sample
    bool process_gone() const;  // the process ended (or its pid belongs to another process now)

  private:
    struct State;
    void begin(Nanoseconds interval, Nanoseconds detail_interval, std::function<bool(Depth)> read);
    std::unique_ptr<State> state_;
};

}  // namespace leakline::memory
