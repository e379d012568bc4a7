// A memory limit around a command, and how to tell an out-of-memory kill from any other death.
//
// The limit is a memory cgroup made for the command (version 2, or version 1 where the controller is there), which the
// kernel enforces as a container's: it counts RSS, page cache and kernel memory, and kills. Where none can be made,
// the limit is RLIMIT_DATA, which differs; warning() says how.
//
// Thread-safety: one MemoryLimit, one thread at a time; figures() may be called from another.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/quantities.hpp"
#include "memory/cgroup.hpp"
#include "system/child_process.hpp"

namespace leakline::memory {

// How a limited command ended.
struct Death {
    enum class Cause {
        exited,             // by itself, with an exit code
        signalled,          // by a signal that was no OOM kill
        oom_killed,         // the kernel killed it for the limit (memory.events or memory.oom_control counted it)
        allocation_failed,  // under RLIMIT_DATA: it ended by itself or aborted with its memory near the limit
    };
    Cause cause = Cause::exited;
    std::string text;                 // "OOM-killed at its limit of 64 MiB (peak 64 MiB)", a clause without a subject
    std::uint64_t oom_kills = 0;      // of processes in the cgroup, this one and its children
    std::optional<Bytes> peak_bytes;  // the most that was charged
};

class MemoryLimit {
  public:
    enum class Means { cgroup_v2, cgroup_v1, data_segment };

    struct Figures {
        std::optional<Bytes> current_bytes, peak_bytes;
        std::uint64_t oom_kills = 0;
    };

    // Makes the cgroup below our own, or below the nearest one above it where that is allowed, named
    // leakline-PID-NUMBER (or `name`), without swap. Throws Error{usage} for a limit below 1 MiB. Never throws because
    // no cgroup can be made: means() tells.
    static MemoryLimit create(Bytes limit, const SystemRoots& roots = {}, const std::string& name = {});
    // Ends what still runs in the cgroup and removes it.
    ~MemoryLimit();
    MemoryLimit(MemoryLimit&&) noexcept;
    MemoryLimit& operator=(MemoryLimit&&) noexcept;

    // Makes the command start under the limit, after what its before_exec did already. The limit must outlive the
    // start of the command; one limit may hold several commands (they share a cgroup).
    void put_on(Command& command) const;

    Means means() const;
    Bytes limit() const;
    // Why it is no cgroup, and what differs then; empty for a cgroup.
    const std::string& warning() const;
    // The cgroup; nothing for RLIMIT_DATA.
    std::optional<CgroupDirectory> cgroup() const;

    // Present figures of the cgroup; all absent for RLIMIT_DATA.
    Figures figures() const;
    // What a command that was under the limit died of. peak_seen: the most memory (RSS) that the caller saw it use, for
    // RLIMIT_DATA, where nothing else tells.
    Death death_of(const ExitStatus& status, std::optional<Bytes> peak_seen = std::nullopt) const;

  private:
    struct State;
    explicit MemoryLimit(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace leakline::memory
