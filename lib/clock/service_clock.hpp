// Starts a service with a clock of its own, which runs faster than the machine's or begins at another time, without the service's
// help: a library is loaded into all of its processes (README.md).
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "clock/internal/settings.hpp"
#include "system/child_process.hpp"
#include "system/descriptor.hpp"

namespace leakline::clock {

struct ClockOptions {
    double scale = 1;                                     // beyond what Settings can hold: the most that it can
    Nanoseconds shortest_wait = std::chrono::seconds(1);  // waits shorter than this keep their length
    std::optional<Nanoseconds> wall_start;  // the wall clock's time at the start of the service, since the Unix epoch; nothing: now

    bool changes_time() const { return scale != 1 || wall_start.has_value(); }
};

// Why the clock of an executable cannot be set, as the end of a sentence that begins with it; "" if it can, as far as its file shows.
std::string why_not_scalable(const std::string& executable);

class ServiceClock {
  public:
    // arguments: the command line of the service. Throws Error{input} if its clock cannot be set, with the reason and what to do
    // instead, and Error{system} if the library cannot be loaded on this machine.
    ServiceClock(const ClockOptions& options, const std::vector<std::string>& arguments);

    // The clock starts now. The command must be started while this object exists, and so must the programs that it starts.
    void put_on(Command& command) const;

  private:
    ClockOptions options_;
    Descriptor library_;
};

// Throws Error{input} with the reason if the process has the machine's clock: its program took LD_PRELOAD out of the environment, or
// is one that was not known before. A process that has ended is not examined.
void require_scaled_clock(int pid);

}  // namespace leakline::clock
