// Inside lib/diagnose only.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/quantities.hpp"
#include "diagnose/internal/descriptor_guard.hpp"
#include "memory/process_tree.hpp"
#include "memory/resource_probe.hpp"
#include "model/resources.hpp"
#include "replay/replay.hpp"
#include "system/clock.hpp"

namespace leakline::diagnose {

// Collects the memory of a run, of all processes of the service, with the requests completed at each time. Written by
// the sampling thread, read by the thread that runs the rounds. Its time is the rounds' own, the monotonic clock: a wall clock
// that is set during the run would move the samples against the rounds.
//
// One process: its RSS. Several, one that reads more and more pages of mapped files, which the kernel takes back when memory is short, and
// one that writes to files in memory (memfd, /dev/shm), which are in no RSS: their private memory, their shared memory, each page of this once,
// and those files, where the beginning and the end of a process are no steps:
//
//     level(t) = sum over those that began with the run of first + sum over those that live at t of (now - first) + shared(t) + files(t)
//
// first of a process that begins later is what it has after kSettle: a fork's pages are its parent's until then, an exec throws
// them away, and a worker that starts up is not a leak. One that ends takes its growth along, so a worker that is replaced after
// so many requests makes a sawtooth, which the trend knows.
class TreeLog {
  public:
    static constexpr double kSettle_s = 1;
    // Growth of pages of mapped files that is left out: more than code that is read as it is first used.
    static constexpr Bytes kMuchOfFiles = Bytes{8} << 20;
    // Growth of files in memory that is counted: more than a lock file, or a table of counters.
    static constexpr Bytes kMuchInFiles = Bytes{64} << 10;

    // origin: the monotonic time that is second 0.
    TreeLog(std::string name, const Clock& clock, Nanoseconds origin, const replay::Progress& progress)
        : name_(std::move(name)), clock_(clock), origin_(origin), progress_(progress) {}

    // detailed: readings have been read in detail. shared: the shared memory of all of them, each page once. in_files: of their open files
    // in memory, what is not mapped.
    void add(const std::vector<memory::ProcessReading>& readings, bool detailed, Bytes shared, Bytes in_files = 0);

    // Sets the process that will be recorded; by default the first.
    void record(int pid) { recorded_pid_ = pid; }
    // All processes will be recorded.
    void record_all() { all_recorded_ = true; }
    // Only processes that an agent is attached to are recorded: by pid, those that it is in now. Call before each add().
    void record_these(const std::map<int, Bytes>& pids) {
        const std::lock_guard lock(mutex_);
        recorded_pids_ = pids;
    }

    Series copy() const;
    // What copy() is of: "rss", or "anonymous" (memory without a file on a disk).
    std::string metric() const;
    bool counts_files() const;
    // By how much the mapped files' pages grew that copy() leaves out; 0 if it leaves out none, or they did not matter.
    Bytes file_growth() const;
    // By how much files in memory grew that copy() includes; 0 if it does not.
    Bytes growth_in_files() const;
    // Of all processes together: a page counts once, files' pages as the first process has them.
    Bytes latest() const { return latest_; }
    Bytes highest() const { return highest_; }
    // The part of the first process's RSS that is pages of files: a cgroup charges them to the process that read them first, and takes them back.
    Bytes file_backed() const { return file_backed_; }

    // Those that the last detailed reading saw, the first process in front.
    std::vector<memory::ProcessId> processes() const;
    // A process holds most of the descriptors that its limit allows, and opened them in the run.
    bool exhausted() const { return exhausted_; }
    struct Exhausted {
        ResourceExhaustion what;
        std::uint64_t first = 0, limit = 0;
        std::string holder;
    };
    std::optional<Exhausted> exhaustion() const;
    // What each process did; the trend of each of the 32 that grew most is judged here.
    ProcessTree tree() const;

  private:
    struct Process {
        memory::ProcessId id;
        bool root = false, initial = false, ended = false, attached = false;  // attached: an agent is in it
        double begin_s = 0, end_s = 0, cpu_s = 0;                             // cpu_s: of its last detailed reading
        double attached_s = 0;                                                // how long an agent was in it since then
        double cpu_attached = 0, cpu_rate = 0;                                // CPU time with an agent; CPU time per second before cpu_s
        double first = 0, last = 0;                                           // private bytes
        double shared_first = 0, shared_last = 0;                             // those that others may have too
        double cpu_first = 0, cpu_last = 0, waited_first = 0, waited_last = 0;
        std::optional<DescriptorGuard> descriptors;
        Series series;  // thinned
        std::size_t stride = 1, skipped = 0;
        // Of private memory alone; and with the shared pages that it touched.
        double private_growth() const { return last - first; }
        double growth() const { return private_growth() + shared_last - shared_first; }
    };
    using Key = std::pair<int, std::uint64_t>;

    bool is_recorded(const Process& process) const {
        if (recorded_pids_) return process.attached;
        if (all_recorded_) return true;
        const int pid = recorded_pid_;
        return pid == 0 ? process.root : process.id.pid == pid;
    }
    double recorded_cpu(const Process& process) const {
        if (recorded_pids_) return process.cpu_attached;
        return is_recorded(process) ? process.cpu_last - process.cpu_first : 0;
    }
    void note_agent(Process& process, const memory::ProcessReading& reading, double at) const;
    static void note_cpu(Process& process, const memory::ProcessReading& reading, double at);
    double note(Process& process, const memory::ProcessReading& reading, double at, double requests, bool detailed) const;
    void end(Process& process, double at);
    void check_descriptors(Process& process, const memory::ProcessReading& reading, double at);

    std::string name_;
    const Clock& clock_;
    Nanoseconds origin_;
    const replay::Progress& progress_;
    std::atomic<Bytes> latest_{0}, highest_{0}, file_backed_{0};
    std::atomic<bool> exhausted_{false};
    std::atomic<int> recorded_pid_{0};
    std::atomic<bool> all_recorded_{false};

    mutable std::mutex mutex_;   // guards what follows
    Series rss_;                 // of the first process
    std::vector<double> level_;  // of all, at the same times
    double initial_level_ = 0;
    std::map<Key, Process> alive_;
    std::vector<Process> ended_;        // the largest of them
    std::vector<double> ended_growth_;  // of all that lived longer than kSettle, at most kMaxEnded
    double ended_cpu_s_ = 0, ended_attached_cpu_s_ = 0;
    double unseen_cpu_s_ = 0;  // that attached processes may have used from the last reading of their CPU time to their end
    std::uint64_t ended_count_ = 0, seen_ = 0, most_ = 0;
    bool several_ = false, reads_files_ = false, fills_files_ = false;
    bool counts_level() const { return several_ || reads_files_ || fills_files_; }  // else the RSS of the one process
    Bytes first_file_backed_ = 0, first_in_files_ = 0, in_files_ = 0;
    std::optional<std::map<int, Bytes>> recorded_pids_;  // nothing: as the two above say
    std::optional<Exhausted> exhaustion_;
};

}  // namespace leakline::diagnose
