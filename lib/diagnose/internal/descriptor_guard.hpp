// Inside lib/diagnose only.
#pragma once

#include <cstdint>
#include <optional>

#include "memory/process_tree.hpp"

namespace leakline::diagnose {

// Whether a process is about to run out of descriptors by what it opened in the run: its requests fail then, and a run is better
// stopped before. Thread-safety: one thread at a time.
class DescriptorGuard {
  public:
    explicit DescriptorGuard(int pid);
    // It holds 80 % of what RLIMIT_NOFILE allows, and opened half of the limit since the guard was made. Reads the present count;
    // false where it cannot be read.
    bool nearly_used_up();
    // The same of a count that is known already.
    bool nearly_used_up(std::uint64_t count);
    std::uint64_t first() const { return first_.value_or(0); }
    std::uint64_t limit() const { return limit_.value_or(0); }

  private:
    bool near(std::uint64_t count) const;
    void read_limit();

    int pid_;
    std::optional<std::uint64_t> first_, limit_;
};

}  // namespace leakline::diagnose
