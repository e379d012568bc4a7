// Samples memory at a fixed interval: sample_steadily() on the calling thread, Sampler in a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/quantities.hpp"
#include "memory/source.hpp"
#include "model/memory.hpp"
#include "system/procfs.hpp"

namespace leakline::memory {

struct SamplePlan {
    Nanoseconds interval = std::chrono::milliseconds(100);  // of RSS
    Nanoseconds detail_interval = std::chrono::seconds(1);  // of what needs smaps_rollup (PSS, USS, swap, ...)
    std::optional<Nanoseconds> duration;                    // nothing: until it is stopped or what is watched is gone
};

// Reads what is watched, at `now` of the monotonic clock; false: it is gone.
using ReadTick = std::function<bool(Depth depth, Nanoseconds now)>;

struct SampledTicks {
    std::uint64_t taken = 0, missed = 0;
    bool gone = false;
};

// Calls read at each tick until stop is requested, the duration is over or what is watched is gone. The first tick is at once;
// ticks are on an absolute schedule (no drift); a tick that comes late is taken once, not made up for, and those that passed
// meanwhile are missed. Between detailed ticks what needs them is absent from a sample. Throws Error{usage} where an interval
// is not positive.
SampledTicks sample_steadily(const SamplePlan& plan, const std::stop_token& stop, const ReadTick& read);

struct SampleOptions {
    int pid = 0;
    SamplePlan plan;
    std::vector<Metric> metrics = {Metric::rss};
    SystemRoots roots = {};
};

// Thread-safety: start, stop and the destructor from one thread; on_sample is called from the sampling thread.
class Sampler {
  public:
    // Throws Error{system} where the process does not exist or its memory cannot be read, Error{usage} as sample_steadily().
    Sampler(const SampleOptions& options, std::function<void(const MemorySample&)> on_sample);
    // Of anything else: read is called at each tick from the sampling thread.
    Sampler(const SamplePlan& plan, ReadTick read);
    void stop();                                 // returns after the last on_sample; the destructor does so too
    bool process_gone() const { return gone_; }  // the process ended (or its pid belongs to another process now)

  private:
    std::atomic<bool> gone_ = false;
    std::jthread thread_;
};

}  // namespace leakline::memory
