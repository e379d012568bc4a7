#include "memory/sampler.hpp"

#include <sys/prctl.h>

#include <algorithm>

#include "base/error.hpp"
#include "memory/forward_time.hpp"
#include "memory/tick_schedule.hpp"
#include "system/clock.hpp"
#include "system/stop.hpp"

namespace leakline::memory {

namespace {

void check(const SamplePlan& plan) {
    if (plan.interval <= Nanoseconds::zero() || plan.detail_interval <= Nanoseconds::zero())
        throw Error(ErrorKind::usage, "sampling interval", "must be above 0");
}

ReadTick read_process(const SampleOptions& options, std::function<void(const MemorySample&)> on_sample) {
    std::shared_ptr<MemorySource> source = process_source(options.pid, options.metrics, options.roots);
    const MemorySource::Sink sink = [on_sample = std::move(on_sample)](const Subject&, const MemorySample& sample) { on_sample(sample); };
    return [source, sink, time = ForwardTime()](Depth depth, Nanoseconds now) mutable {
        return source->read(depth, time.at(system_clock().wall(), now), sink);
    };
}

}  // namespace

SampledTicks sample_steadily(const SamplePlan& plan, const std::stop_token& stop, const ReadTick& read) {
    check(plan);
    // Timers of a normal thread may fire 50 us late, which at 1 kHz is 5 % of the period.
    ::prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    const Clock& clock = system_clock();
    const Nanoseconds start = clock.monotonic();
    const Nanoseconds end = plan.duration ? start + *plan.duration : Nanoseconds::max();
    TickSchedule beat(start, plan.interval), detail(start, plan.detail_interval);
    SampledTicks ticks;
    for (Nanoseconds now = start; now < end && !stop.stop_requested(); now = clock.monotonic()) {
        const bool detailed = detail.is_due(now);
        if (!read(detailed ? Depth::detailed : Depth::quick, now)) {
            ticks.gone = true;
            break;
        }
        if (detailed) detail.taken(now);
        ++ticks.taken;
        beat.taken(clock.monotonic());
        if (!sleep_until(stop, std::min(beat.due(), end))) break;
    }
    ticks.missed = beat.missed();
    return ticks;
}

Sampler::Sampler(const SampleOptions& options, std::function<void(const MemorySample&)> on_sample)
    : Sampler(options.plan, read_process(options, std::move(on_sample))) {}

Sampler::Sampler(const SamplePlan& plan, ReadTick read) {
    check(plan);
    thread_ =
        std::jthread([this, plan, read = std::move(read)](const std::stop_token& stop) { gone_ = sample_steadily(plan, stop, read).gone; });
}

void Sampler::stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

}  // namespace leakline::memory
