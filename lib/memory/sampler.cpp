#include "memory/sampler.hpp"

#include <sys/prctl.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "memory/forward_time.hpp"
#include "memory/source.hpp"
#include "memory/tick_schedule.hpp"
#include "system/clock.hpp"

namespace leakline::memory {

struct Sampler::State {
    Nanoseconds interval{}, detail_interval{};
    std::function<bool(Depth)> read;  // of the thread, once that runs
    std::atomic<bool> gone = false;
    std::mutex mutex;
    std::condition_variable wake;
    bool stopping = false;  // guarded by mutex
    std::thread thread;

    void run() {
        // Timers of a normal thread may fire 50 us late, which at 1 kHz is 5 % of the period.
        ::prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
        const Clock& clock = system_clock();
        const Nanoseconds start = clock.monotonic();
        TickSchedule beat(start, interval), detail(start, detail_interval);
        for (;;) {
            const Nanoseconds now = clock.monotonic();
            const bool detailed = detail.is_due(now);
            if (!read(detailed ? Depth::detailed : Depth::quick)) {
                gone = true;
                return;
            }
            if (detailed) detail.taken(now);
            beat.taken(clock.monotonic());
            std::unique_lock lock(mutex);
            // steady_clock is CLOCK_MONOTONIC here, the same that clock.monotonic() reads.
            const std::chrono::steady_clock::time_point due{std::chrono::duration_cast<std::chrono::steady_clock::duration>(beat.due())};
            if (wake.wait_until(lock, due, [this] { return stopping; })) return;
        }
    }
};

Sampler::Sampler(SampleOptions options, std::function<void(const MemorySample&)> on_sample) {
    std::shared_ptr<MemorySource> source = process_source(options.pid, options.metrics, options.roots);
    const MemorySource::Sink sink = [on_sample = std::move(on_sample)](const Subject&, const MemorySample& sample) { on_sample(sample); };
    begin(options.interval, options.detail_interval, [source, sink, time = ForwardTime()](Depth depth) mutable {
        const Clock& clock = system_clock();
        return source->read(depth, time.at(clock.wall(), clock.monotonic()), sink);
    });
}

Sampler::Sampler(Nanoseconds interval, Nanoseconds detail_interval, std::function<bool(Depth)> read) {
    begin(interval, detail_interval, std::move(read));
}

void Sampler::begin(Nanoseconds interval, Nanoseconds detail_interval, std::function<bool(Depth)> read) {
    if (interval <= Nanoseconds::zero() || detail_interval <= Nanoseconds::zero())
        throw Error(ErrorKind::usage, "sampling interval", "must be above 0");
    state_ = std::make_unique<State>();
    state_->interval = interval;
    state_->detail_interval = detail_interval;
    state_->read = std::move(read);
    state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Sampler::~Sampler() { stop(); }

void Sampler::stop() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->stopping = true;
    }
    state_->wake.notify_all();
    if (state_->thread.joinable()) state_->thread.join();
}

bool Sampler::process_gone() const { return state_->gone; }

}  // namespace leakline::memory
