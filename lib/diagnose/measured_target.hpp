// One start of the service with its memory sampled, under --memory-limit where there is one: what the bare run and the
// runs of a soak share. Inside lib/diagnose only.
#pragma once

#include <optional>

#include "base/file.hpp"
#include "diagnose/run_context.hpp"
#include "diagnose/series_log.hpp"
#include "memory/limit.hpp"
#include "memory/sampler.hpp"

namespace leakline::diagnose {

// Thread-safety: one thread, but log(), progress() and gone() may be read from any.
class MeasuredTarget {
  public:
    // Starts it, waits until it is ready and samples its memory every interval. Throws as starting it does; says in the
    // result's warnings where no cgroup can be made for the limit.
    MeasuredTarget(RunContext& context, const TargetSpec& spec, Nanoseconds interval);

    Nanoseconds origin() const { return origin_; }  // monotonic time of second 0 of the series
    replay::Progress& progress() { return progress_; }
    const SeriesLog& log() const { return log_; }
    bool gone() const { return sampler_.process_gone(); }
    // RSS when the limit is reached: a cgroup takes pages of files back before it kills. Nothing without a limit.
    std::optional<Bytes> limit_of_rss() const;
    // Whether the kernel ends it at the limit; with RLIMIT_DATA it may live on beyond.
    bool in_cgroup() const { return limit_ && limit_->cgroup(); }

    // Ends the sampling, and the service where it still runs. Where its limit was what it died of, how; any other death
    // makes the verdict invalid (see RunContext::died), with these words for the run.
    std::optional<OomKill> finish(const char* run, std::size_t whole_rounds);

  private:
    static std::optional<memory::MemoryLimit> put_under_limit(RunContext& context, Command& command);
    static memory::SampleOptions sampling(const RunContext& context, int pid, Nanoseconds interval);

    RunContext& context_;
    const TemporaryDirectory scratch_;
    Launch launch_;
    std::optional<memory::MemoryLimit> limit_;
    Child child_;
    const Nanoseconds origin_;
    replay::Progress progress_;
    SeriesLog log_;
    memory::Sampler sampler_;  // last: its thread writes into the log
};

}  // namespace leakline::diagnose
