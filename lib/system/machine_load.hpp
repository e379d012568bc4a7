// How busy the machine was with other processes during a measurement, which raises the detection limit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace leakline {

// Use from one thread.
class MachineLoad {
  public:
    // own: the processes whose CPU time is our own (with that of their threads). root: where proc is, "" for the machine's.
    explicit MachineLoad(std::vector<int> own, std::string root = {});

    struct Shares {
        double others = 0;  // of all CPU time since construction: used by other processes
        double steal = 0;   // taken by the hypervisor
    };
    // Nothing if the kernel does not report it, or hardly any time has passed. A process that has ended counts as another's.
    std::optional<Shares> since_start() const;

  private:
    struct Times {
        std::uint64_t total = 0, idle = 0, steal = 0, own = 0;  // clock ticks
    };
    std::optional<Times> read() const;

    std::vector<int> own_;
    std::string root_;
    std::optional<Times> start_;
};

}  // namespace leakline
