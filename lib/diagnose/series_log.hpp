// Inside lib/diagnose only.
#pragma once

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "model/memory.hpp"
#include "model/series.hpp"
#include "replay/replay.hpp"

namespace leakline::diagnose {

// The memory of a run as it comes in, with the requests completed at each moment. Written by the sampling
// thread, read by the thread that runs the rounds. Its time is the rounds' own, the monotonic clock: a wall clock that is
// set during the run would move the samples against the rounds.
class SeriesLog {
  public:
    // origin: the monotonic time that is second 0.
    SeriesLog(std::string name, const Clock& clock, Nanoseconds origin, const replay::Progress& progress)
        : clock_(clock), origin_(origin), progress_(progress) {
        series_.name = std::move(name);
    }
    void add(const MemorySample& sample) {
        const auto& rss = sample[Metric::rss];
        if (!rss) return;
        if (const auto& anonymous = sample[Metric::anonymous]) file_backed_ = *rss - std::min(*rss, *anonymous);
        const std::lock_guard lock(mutex_);
        const double at = to_seconds(clock_.monotonic() - origin_);
        if (!series_.seconds.empty() && at <= series_.seconds.back()) return;
        series_.seconds.push_back(at);
        series_.value.push_back(static_cast<double>(*rss));
        series_.requests.push_back(static_cast<double>(progress_.completed));
        latest_ = *rss;
        highest_ = std::max<Bytes>(highest_, *rss);
    }
    Series copy() const {
        const std::lock_guard lock(mutex_);
        return series_;
    }
    Bytes latest() const { return latest_; }
    Bytes highest() const { return highest_; }
    // The part of RSS that is pages of files: a cgroup charges them to whoever read them first, and takes them back.
    Bytes file_backed() const { return file_backed_; }

  private:
    mutable std::mutex mutex_;  // guards series_
    Series series_;
    std::atomic<Bytes> latest_{0}, highest_{0}, file_backed_{0};
    const Clock& clock_;
    Nanoseconds origin_;
    const replay::Progress& progress_;
};

}  // namespace leakline::diagnose
