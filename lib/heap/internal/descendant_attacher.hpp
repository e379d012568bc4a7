// Attaches agents to the processes that an attached process and its descendants start later, by fork or by exec.
//
//   fork   the child has the agent's library and the pointers that lead to it, but the agent is off there until one is attached
//   exec   the new program has nothing
//   vfork  the child has its parent's memory until it calls exec: it is left alone
//
// A process is attached to once it has run for kSettle: most children that are about to call exec, or to end, are left alone. One that
// cannot be attached to, such as one that never waits, is tried again, at intervals that double.
//
// Thread-safety: one object, one thread at a time. It has a thread of its own: attaching may take seconds, and the thread that attaches
// must be one.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/quantities.hpp"
#include "heap/internal/attached_segment.hpp"
#include "system/descendants.hpp"

namespace leakline::heap {

class DescendantAttacher {
  public:
    static constexpr Nanoseconds kSettle = std::chrono::milliseconds(50);

    struct Refused {
        int pid = 0;
        std::uint64_t stack_start = 0;  // ProcessStat's: of the program that it ran
    };
    // Looks for the descendants of root. attached: processes that have an agent; refused: those that could not have one. These are tried
    // again, but not reported again, unless they run another program since.
    DescendantAttacher(int root, const std::vector<int>& attached, const std::vector<Refused>& refused, Bytes interval);
    // Agents that were not taken leave by themselves.
    ~DescendantAttacher();

    struct Found {
        int pid = 0;
        std::unique_ptr<AttachedSegment> segment;
    };
    // Those that were attached to since the last call. Tell their agents within seconds that they have a reader (AttachedSegment::beat).
    std::vector<Found> take();
    // Descendants that have run for some time without an agent.
    std::size_t unrecorded() const { return unrecorded_; }

    // Ends the looking; an attach that has begun is ended first. Only these may be called afterwards, and take().
    void stop();
    // After the agents have left: a forked child without an agent of its own has the pointers of its parent. Sets them back by an agent
    // that leaves at once. Returns how many were left as they are, because none of their threads waits.
    std::size_t restore_others();
    // Of processes that were not recorded, and did work.
    std::string warning() const;

  private:
    struct Process {
        std::string name;
        std::uint64_t start_ticks = 0, stack_start = 0;  // start_ticks 0: not looked at yet
        std::uint64_t ticks_before = 0, ticks = 0;       // of processor time, before it ran this program and now
        Nanoseconds since{}, next_try{}, pause{};        // since: runs this program
        bool attached = false, refused = false, ended = false;
        std::string reason;  // why it was not attached to the last time
    };
    // Those that did work.
    struct Unrecorded {
        std::size_t count = 0;
        std::uint64_t ticks = 0, most_ticks = 0;
        std::string most;  // the one that did most, with the reason
        void add(int pid, const Process& process);
    };

    void run(const std::stop_token& stop);
    void look();
    // False: it has ended.
    bool look_at(int pid, Process& process);
    void attach_all(Nanoseconds now, const std::stop_token& stop);
    void attach(int pid, Process& process, const std::stop_token& stop);
    // With any that is known; nothing: as shares_with_parent.
    std::optional<bool> shares_memory(int pid) const;

    const int root_;
    const Bytes interval_;
    DescendantTracker tracker_;
    std::map<int, Process> processes_;  // without the root
    Unrecorded ended_;
    std::atomic<std::size_t> unrecorded_{0};
    std::mutex mutex_;
    std::vector<Found> found_;  // guarded by mutex_
    std::jthread thread_;       // the others are its own until stop()
};

}  // namespace leakline::heap
