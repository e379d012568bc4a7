// Decides when to send an alert: memory over a share of the limit for some time, with hysteresis and a minimum interval
// between messages. Pure state: time and bytes in, message out.
//
// One rule, one thread at a time.
#pragma once

#include <optional>

#include "base/quantities.hpp"

namespace leakline::alert {

enum class Kind {
    firing,    // over the threshold for long enough
    repeated,  // still over it, the gap after the last message has passed
    resolved,  // below the lower threshold for as long
};
std::string_view kind_name(Kind kind);

struct RuleOptions {
    double at = 0.8;                              // share of the limit, (0, 1]
    double hysteresis = 0.05;                     // resolved below at - hysteresis, so that fluctuation around the threshold sends nothing
    Nanoseconds hold = std::chrono::seconds(30);  // how long over (or below) before it counts
    Nanoseconds minimum_gap = std::chrono::hours(1);  // between two messages that it is high
};

class MemoryRule {
  public:
    explicit MemoryRule(const RuleOptions& options) : options_(options) {}

    // now must not go back; limit > 0. Resolved is returned only after firing was.
    std::optional<Kind> observe(Bytes used, Bytes limit, Nanoseconds now);

    bool firing() const { return firing_; }
    // When the memory went over the threshold of the present (or, when just resolved, the last) episode.
    Nanoseconds since() const { return since_; }

  private:
    RuleOptions options_;
    bool firing_ = false;
    bool fired_ = false;                       // firing was returned for this episode
    std::optional<Nanoseconds> over_, below_;  // since when, while it is
    std::optional<Nanoseconds> last_message_;
    Nanoseconds since_{};
};

}  // namespace leakline::alert
