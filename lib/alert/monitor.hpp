// Watches the memory of one process against its limit and sends alerts to channels, for trackd and `leakline sample`.
//
//   MemoryMonitor monitor({rule, {"log", "webhook=http://..."}, "pid 4711"}, [](const std::string& line) {...});
//   monitor.observe(used, limit, clock.monotonic(), clock.wall());   // with every sample
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "alert/internal/alert.hpp"
#include "base/quantities.hpp"

namespace leakline::alert {

// Between two attempts on a channel: first, twice as long, ..., at most longest. After the last attempt the message is
// given up (and that reported).
struct RetryOptions {
    Nanoseconds first = std::chrono::seconds(1), longest = std::chrono::minutes(1);
    int attempts = 10;

    // attempt: how many have failed, from 1.
    Nanoseconds wait_after(int attempt) const;
};

struct MonitorOptions {
    RuleOptions rule;
    std::vector<std::string> channels = {"log"};  // see ChannelSpec
    std::string source;
    RetryOptions retry;
    std::stop_token stop;  // cuts a program short that takes a message; those after it, as a farewell, have their time
};

// Thread-safety: observe() from one thread at a time; it never waits for a channel. Each channel has a thread and a
// short queue of its own, so that a dead one delays no other.
class MemoryMonitor {
  public:
    struct Counts {
        std::uint64_t sent = 0, failed_attempts = 0, given_up = 0;
    };

    // report gets a line for each failed attempt and each message given up; from any thread.
    // Throws Error{usage, input} for a bad channel.
    MemoryMonitor(MonitorOptions options, std::function<void(const std::string&)> report);
    // Messages that are queued or wait for a retry get one more attempt, within the time limit of their channel.
    ~MemoryMonitor();
    MemoryMonitor(const MemoryMonitor&) = delete;
    MemoryMonitor& operator=(const MemoryMonitor&) = delete;

    // The rule uses monotonic, messages show wall. A limit of 0 means unknown: nothing is sent.
    void observe(Bytes used, Bytes limit, Nanoseconds monotonic, Nanoseconds wall);
    bool firing() const;
    Counts counts() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace leakline::alert
