// The service's process as seen by the collector: whether it still runs, and whether it still is the program
// that the tracker was loaded into. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "system/descriptor.hpp"

namespace leakline::heap {

class TracedProcess {
  public:
    // `executable`: what /proc/PID/exe says while the service runs its own program.
    explicit TracedProcess(std::string executable) : executable_(std::move(executable)) {}

    // A child that has not called exec yet: its end can be waited for, but its program is not known yet.
    void forked(int pid);
    // To be called soon after its exec. A process that cannot be watched counts as ended.
    void started(int pid);
    bool known() const { return pid_ > 0; }

    // Readable when the process has ended (pidfd_open(2)); -1 if there is nothing to wait for.
    int descriptor() const { return ended_ ? -1 : watch_.get(); }
    void has_ended() { ended_ = true; }
    bool ended() const { return ended_; }
    bool ends_now() const;  // it has ended without a message about it

    // Checks whether the process has called exec: then it continues as another program, which is not tracked.
    void check_for_exec();
    const std::string& became() const { return became_; }  // that program; empty: it is still its own

  private:
    std::string executable_, became_;
    int pid_ = -1;
    Descriptor watch_;
    std::uint64_t stack_start_ = 0;
    bool runs_program_ = false;  // as far as known
    bool ended_ = false;
};

}  // namespace leakline::heap
