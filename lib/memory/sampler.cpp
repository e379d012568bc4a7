#include "memory/sampler.hpp"

#include <sys/prctl.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "memory/beat.hpp"
#include "memory/source.hpp"

namespace leakline::memory {

struct Sampler::State {
    SampleOptions options;
    std::function<void(const MemorySample&)> on_sample;
    std::unique_ptr<MemorySource> source;  // of the thread, once that runs
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
        Beat beat(start, options.interval), detail(start, options.detail_interval);
        const MemorySource::Sink sink = [this](const Subject&, const MemorySample& sample) { on_sample(sample); };
        for (;;) {
            const Nanoseconds now = clock.monotonic();
            const bool detailed = detail.is_due(now);
            if (!source->read(detailed ? Depth::detailed : Depth::quick, clock.wall(), sink)) {
                gone = true;
                return;
            }
            if (detailed) detail.taken(now);
            beat.taken(clock.monotonic());
            std::unique_lock lock(mutex);
            // steady_clock is CLOCK_MONOTONIC here, the same that clock.monotonic() reads.
            const std::chrono::steady_clock::time_point due{
                std::chrono::duration_cast<std::chrono::steady_clock::duration>(beat.due())};
            if (wake.wait_until(lock, due, [this] { return stopping; })) return;
        }
    }
};

Sampler::Sampler(SampleOptions options, std::function<void(const MemorySample&)> on_sample)
    : state_(std::make_unique<State>()) {
    if (options.interval <= Nanoseconds::zero() || options.detail_interval <= Nanoseconds::zero())
        throw Error(ErrorKind::usage, "sampling interval", "must be above 0");
    state_->source = process_source(options.pid, options.metrics, options.roots);
    state_->options = std::move(options);
    state_->on_sample = std::move(on_sample);
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
