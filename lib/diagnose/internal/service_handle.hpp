// The first process of the service: a child that was started for the run, or a process that ran before and goes on afterwards, whatever
// becomes of the run. Inside lib/diagnose only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/quantities.hpp"
#include "system/child_process.hpp"

namespace leakline::diagnose {

// Thread-safety: one thread.
class ServiceHandle {
  public:
    // Of a child, which must outlive this.
    explicit ServiceHandle(Child& child) : child_(&child), pid_(child.pid()) {}
    // Of a running process. Throws Error{input} if there is none.
    explicit ServiceHandle(int pid);

    int pid() const { return pid_; }
    bool running() const;
    // Nothing of a process that is not our child.
    std::optional<ExitStatus> status() const { return child_ != nullptr ? child_->status() : std::nullopt; }
    // "exit code 3", or "" of a process that is not our child.
    std::string end_text() const;
    // Ends a child that still runs; a process that ran before goes on.
    void end(Nanoseconds grace) const;

  private:
    Child* child_ = nullptr;
    int pid_;
    std::uint64_t start_ticks_ = 0;  // a pid is used again
};

}  // namespace leakline::diagnose
