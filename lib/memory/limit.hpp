// A memory limit for a command, and the distinction of an out-of-memory kill from other causes of its end.
//
// The limit is a memory cgroup made for the command (version 2, or version 1 where the controller is there), which the
// kernel enforces as for a container: it counts RSS, page cache and kernel memory, and kills. If none can be created,
// the limit is RLIMIT_DATA, which works differently; warning() says how.
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
struct Termination {
    enum class Cause {
        exited,             // by itself, with an exit code
        signalled,          // by a signal other than an OOM kill
        oom_killed,         // the kernel killed it for the limit (memory.events or memory.oom_control counted it)
        allocation_failed,  // under RLIMIT_DATA: it ended by itself or aborted with its memory near the limit
    };
    Cause cause = Cause::exited;
    std::string text;                 // "OOM-killed at its limit of 64 MiB (peak 64 MiB)", a clause without a subject
    std::uint64_t oom_kills = 0;      // of processes in the cgroup, this one and its children
    std::optional<Bytes> peak_bytes;  // the maximum charge
};

class MemoryLimit {
  public:
    enum class Means { cgroup_v2, cgroup_v1, data_segment };

    struct Figures {
        std::optional<Bytes> current_bytes, peak_bytes;
        std::uint64_t oom_kills = 0;
    };

    // Creates the cgroup below our own, or below the nearest one above it where that is allowed, named
    // leakline-PID-NUMBER (or `name`), without swap. Throws Error{usage} for a limit below 1 MiB. Does not throw if
    // no cgroup can be created: see means().
    static MemoryLimit create(Bytes limit, const SystemRoots& roots = {}, const std::string& name = {});
    // Ends the processes that still run in the cgroup and removes it.
    ~MemoryLimit();
    MemoryLimit(MemoryLimit&&) noexcept;
    MemoryLimit& operator=(MemoryLimit&&) noexcept;

    // Makes the command start under the limit, after its own before_exec. The limit must outlive the
    // start of the command; one limit may hold several commands (they share a cgroup).
    void put_on(Command& command) const;

    Means means() const;
    Bytes limit() const;
    // Why it is not a cgroup, and what is different then; empty for a cgroup.
    const std::string& warning() const;
    // The cgroup; nothing for RLIMIT_DATA.
    std::optional<CgroupDirectory> cgroup() const;

    // Current figures of the cgroup; all absent for RLIMIT_DATA.
    Figures figures() const;
    // Why a command under the limit ended. peak_seen: the most memory (RSS) that the caller has observed, for
    // RLIMIT_DATA, where there is no other evidence.
    Termination termination_of(const ExitStatus& status, std::optional<Bytes> peak_seen = std::nullopt) const;

  private:
    struct State;
    explicit MemoryLimit(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace leakline::memory
