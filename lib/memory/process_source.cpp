#include <cerrno>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "memory/cgroup.hpp"
#include "memory/glibc_heap.hpp"
#include "memory/process_tree.hpp"
#include "memory/resource_probe.hpp"
#include "memory/source.hpp"
#include "system/proc_file.hpp"

namespace leakline::memory {

namespace {

// Accuracy of statm's resident pages. Up to Linux 6.1 every thread accumulates up to 64 page faults before they
// appear (so up to 256 KiB per thread); 6.2 to 6.15 count per CPU in batches of max(32, 2 x CPUs) pages; from 6.16 on the
// figure is summed when read. smaps_rollup's Rss is exact everywhere, and costs a walk of the page tables.
class ProcessSource : public MemorySource {
  public:
    ProcessSource(int pid, const std::vector<Metric>& metrics, const SystemRoots& roots)
        : roots_(roots), folder_(roots.proc + "/" + std::to_string(pid)), statm_(folder_ + "/statm"), stat_(folder_ + "/stat") {
        for (const Metric metric : metrics) wanted_[static_cast<std::size_t>(metric)] = true;
        if (!statm_.is_open()) throw cannot_read(pid, statm_.error());
        const auto stat = read_stat();
        if (!stat) throw cannot_read(pid, ESRCH);
        const auto text = statm_.read();
        const auto statm = text ? parse_statm(*text) : std::nullopt;
        if (!statm || stat->state == 'Z' || statm->size == 0)
            throw Error(ErrorKind::system, where(pid),
                        stat->state == 'Z' ? "has ended (a zombie that its parent has not waited for)"
                                           : "has no memory of its own (a kernel thread, or it has just ended)");
        subject_ = {stat->comm, pid, stat->start_ticks};
        wants_limits_ =
            wants(Metric::fds_limit) || wants(Metric::threads_limit) || wants(Metric::mappings_limit) || wants(Metric::processes_limit);
        wants_rollup_ = wants(Metric::pss) || wants(Metric::uss) || wants(Metric::anonymous) || wants(Metric::swap);
        if (wants(Metric::file) || wants(Metric::shmem) || wants(Metric::anonymous) || wants(Metric::swap))
            status_ = ProcFile(folder_ + "/status");
        const bool any_cgroup = wants(Metric::cgroup) || wants(Metric::cgroup_anonymous) || wants(Metric::cgroup_limit) ||
                                wants(Metric::cgroup_oom_kills) || wants(Metric::cgroup_limit_hits);
        if (wants(Metric::malloc_used) || wants(Metric::malloc_retained)) heap_.emplace(pid, roots);
        if (any_cgroup)
            if (auto directory = memory_cgroup_of(pid, roots)) cgroup_.emplace(*directory, roots);
    }

    const Subject& subject() const override { return subject_; }

    bool read(Depth depth, Nanoseconds at, const Sink& sink) override {
        const auto text = statm_.read();
        const auto statm = text ? parse_statm(*text) : std::nullopt;
        if (!statm || statm->size == 0) return false;  // ended, or a zombie now
        MemorySample sample;
        sample.at = at;
        if (wants(Metric::rss)) sample[Metric::rss] = statm->resident;
        if (cgroup_) cgroup_->read(depth, wanted_, sample);
        if (depth == Depth::detailed && !read_details(sample)) return false;
        sink(subject_, sample);
        return true;
    }

  private:
    static std::string where(int pid) { return "pid " + std::to_string(pid); }

    static Error cannot_read(int pid, int reason) {
        if (reason == ENOENT || reason == ESRCH) return Error(ErrorKind::system, where(pid), "there is no such process");
        return os_error(ErrorKind::system, where(pid), "cannot read its memory", reason);
    }

    bool wants(Metric metric) const { return wanted_[static_cast<std::size_t>(metric)]; }

    std::optional<ProcessStat> read_stat() {
        const auto text = stat_.read();
        return text ? parse_stat(*text) : std::nullopt;
    }

    bool read_details(MemorySample& sample) {
        const auto stat = read_stat();
        if (!stat || stat->start_ticks != subject_.start_ticks) return false;
        if (wants(Metric::threads)) sample[Metric::threads] = stat->threads;
        if (wants(Metric::processes)) sample[Metric::processes] = 1;
        if (wants(Metric::mappings)) sample[Metric::mappings] = count_mappings(folder_);
        if (wants(Metric::fds)) sample[Metric::fds] = count_descriptors(folder_);
        if (wants_limits_) {
            const CountLimits limits = read_count_limits(subject_.pid, roots_);
            if (wants(Metric::fds_limit)) sample[Metric::fds_limit] = limits.descriptors;
            if (wants(Metric::threads_limit)) sample[Metric::threads_limit] = limits.threads;
            if (wants(Metric::mappings_limit)) sample[Metric::mappings_limit] = limits.mappings;
            if (wants(Metric::processes_limit)) sample[Metric::processes_limit] = limits.threads;
        }
        if (wants_rollup_) {
            // Unlike statm and status, smaps_rollup belongs to the address space that the process had when the file was
            // opened: kept open, it would show the shell before its exec, or the parent that a vfork borrows from.
            ProcFile file(folder_ + "/smaps_rollup");
            if (const auto text = file.read())
                if (const auto rollup = parse_smaps_rollup(*text)) apply(*rollup, sample);
        }
        if (heap_)
            if (const auto figures = heap_->read()) {
                if (wants(Metric::malloc_used)) sample[Metric::malloc_used] = figures->used;
                if (wants(Metric::malloc_retained)) sample[Metric::malloc_retained] = figures->retained;
            }
        if (status_.is_open())
            if (const auto text = status_.read())
                if (const auto status = parse_status(*text)) apply(*status, sample);
        return true;
    }

    void apply(const SmapsRollup& rollup, MemorySample& sample) const {
        if (wants(Metric::pss)) sample[Metric::pss] = rollup.pss;
        if (wants(Metric::uss) && rollup.private_clean && rollup.private_dirty)
            sample[Metric::uss] = *rollup.private_clean + *rollup.private_dirty;
        if (wants(Metric::anonymous)) sample[Metric::anonymous] = rollup.anonymous;
        if (wants(Metric::swap)) sample[Metric::swap] = rollup.swap;
    }

    // status can be read where smaps_rollup may not (another user's process): its anonymous and swap are the same
    // figures by the kernel's counters.
    void apply(const ProcessStatus& status, MemorySample& sample) const {
        if (wants(Metric::file)) sample[Metric::file] = status.rss_file;
        if (wants(Metric::shmem)) sample[Metric::shmem] = status.rss_shmem;
        if (wants(Metric::anonymous) && !sample[Metric::anonymous]) sample[Metric::anonymous] = status.rss_anonymous;
        if (wants(Metric::swap) && !sample[Metric::swap]) sample[Metric::swap] = status.swap;
    }

    SystemRoots roots_;
    std::string folder_;
    std::array<bool, kMetricCount> wanted_{};
    ProcFile statm_, stat_, status_;
    bool wants_rollup_ = false, wants_limits_ = false;
    std::optional<CgroupReader> cgroup_;
    std::optional<GlibcHeap> heap_;
    Subject subject_;
};

}  // namespace

std::unique_ptr<MemorySource> process_source(int pid, std::vector<Metric> metrics, const SystemRoots& roots) {
    return std::make_unique<ProcessSource>(pid, metrics, roots);
}

}  // namespace leakline::memory
