// One start of the service with its memory sampled, under --memory-limit if given: shared by the bare run and the
// runs of a soak. Inside lib/diagnose only.
#pragma once

#include <mutex>
#include <optional>

#include "base/quantities.hpp"
#include "diagnose/internal/run_context.hpp"
#include "diagnose/internal/service_handle.hpp"
#include "diagnose/internal/tree_log.hpp"
#include "heap/recorder.hpp"
#include "memory/limit.hpp"
#include "memory/resource_marks.hpp"
#include "memory/sampler.hpp"
#include "system/child_process.hpp"
#include "system/subreaper.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::diagnose {

enum class Lines {
    none,
    recorded,  // the agent records them in the same run
};

// Thread-safety: one thread, but log(), progress() and gone() may be read from any.
class MeasuredTarget {
  public:
    // Starts it, waits until it is ready and samples its memory every interval; of a service that runs already (spec.pid): waits until it
    // answers and attaches. Throws as starting it does; says in the result's warnings where no cgroup can be made for the limit.
    MeasuredTarget(RunContext& context, const TargetSpec& spec, Nanoseconds interval, Lines lines = Lines::none);

    // Null if lines are not recorded.
    heap::Recorder* recorder() { return recorder_ ? &*recorder_ : nullptr; }

    int pid() const { return service_.pid(); }
    Nanoseconds origin() const { return origin_; }  // monotonic time of second 0 of the series
    replay::Progress& progress() { return progress_; }
    const TreeLog& log() const { return log_; }
    void record_all() { log_.record_all(); }
    void record(int pid) { log_.record(pid); }  // the process that the recorder will see, where it is not the first
    bool gone() const { return sampler_.process_gone(); }
    // Descriptors, mappings or IPC objects are nearly exhausted: with more traffic the service would fail.
    bool exhausted() const { return log_.exhausted() || near_limit_.load().has_value(); }

    // Reads its memory now: the sampling may be pausing.
    void read_now() { read_tree(Depth::detailed); }
    // Counts what the service holds; from the thread that runs the rounds, when it is quiet. The first time before the traffic.
    void mark();
    // Observes growth for some seconds without traffic, to see whether it follows time.
    void watch_idle(double seconds);
    // Counts at the marks, and the processes. Not judged yet. Until finish().
    Resources resources() const;
    std::vector<std::string> resource_warnings() const { return marks_.warnings(); }
    // RSS when the limit is reached: a cgroup takes pages of files back before it kills. Nothing without a limit.
    std::optional<Bytes> limit_of_rss() const;
    // Whether the kernel ends it at the limit; with RLIMIT_DATA it may continue beyond it.
    bool in_cgroup() const { return limit_ && limit_->cgroup(); }

    // Ends the sampling, and the service where it was started and still runs. Returns how, if it reached its limit; any other exit
    // makes the verdict invalid (see RunContext::service_exited), with this name of the run.
    std::optional<OomKill> finish(const char* run, std::size_t whole_rounds);

  private:
    static std::optional<memory::MemoryLimit> put_under_limit(RunContext& context, Command& command);
    ServiceHandle start(RunContext& context, Lines lines);
    ServiceHandle attach(RunContext& context, Lines lines);
    bool sample(Depth depth);
    bool read_tree(Depth depth);

    RunContext& context_;
    const TemporaryDirectory scratch_;
    Launch launch_;
    std::optional<const Subreaper> subreaper_;  // ends processes that a started service leaves behind, after it
    std::optional<memory::MemoryLimit> limit_;
    std::optional<heap::Recorder> recorder_;  // this or own_ is the service
    std::optional<Child> own_;
    const ServiceHandle service_;
    const Nanoseconds origin_;
    replay::Progress progress_;
    TreeLog log_;
    memory::ResourceMarks marks_;
    std::mutex tree_mutex_;
    memory::ProcessTree tree_;  // guarded by tree_mutex_
    Nanoseconds not_before_{};  // of the sampling thread: it takes at most a twentieth of a processor
    bool detail_due_ = false;
    const bool sampled_;  // once, so that the log knows the processes before anything is asked of it
    std::atomic<std::optional<Resource>> near_limit_{std::nullopt};
    memory::Sampler sampler_;  // last: its thread writes into the log
};

}  // namespace leakline::diagnose
