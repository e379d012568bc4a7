// Runs a function periodically in its own thread, on an absolute schedule of the service's clock.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/quantities.hpp"
#include "service/internal/scaled_clock.hpp"

namespace leakline::service {

// Thread-safety: made and destroyed by one thread. work must not throw.
class PeriodicJob {
  public:
    PeriodicJob(const ScaledClock& clock, Nanoseconds period, std::function<void()> work)
        : thread_([this, &clock, period, work = std::move(work)] { run(clock, period, work); }) {}
    // Returns after the last run of work.
    ~PeriodicJob() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        stopped_.notify_one();
        thread_.join();
    }
    PeriodicJob(const PeriodicJob&) = delete;
    PeriodicJob& operator=(const PeriodicJob&) = delete;

  private:
    void run(const ScaledClock& clock, Nanoseconds period, const std::function<void()>& work) {
        Nanoseconds due = clock.monotonic() + period;
        for (;;) {
            {
                std::unique_lock lock(mutex_);
                if (stopped_.wait_for(lock, clock.real_time_until(due), [&] { return stopping_; })) return;
            }
            work();
            // Runs that were missed because the work took long are not repeated.
            const Nanoseconds now = clock.monotonic();
            do due += period;
            while (due <= now);
        }
    }

    std::mutex mutex_;  // guards stopping_
    std::condition_variable stopped_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace leakline::service
