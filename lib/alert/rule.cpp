#include "alert/internal/rule.hpp"

#include <utility>

namespace leakline::alert {

std::string_view kind_name(Kind kind) {
    switch (kind) {
        case Kind::firing: return "firing";
        case Kind::repeated: return "repeated";
        case Kind::resolved: return "resolved";
    }
    return "firing";
}

std::optional<Kind> MemoryRule::observe(Bytes used, Bytes limit, Nanoseconds now) {
    const double share = static_cast<double>(used) / static_cast<double>(limit);
    if (share >= options_.at) {
        if (!over_) over_ = now;
    } else {
        over_.reset();
    }
    if (share < options_.at - options_.hysteresis) {
        if (!below_) below_ = now;
    } else {
        below_.reset();
    }

    if (!firing_ && over_ && now - *over_ >= options_.hold) {
        firing_ = true;
        fired_ = false;
        since_ = *over_;
    }
    if (firing_ && below_ && now - *below_ >= options_.hold) {
        firing_ = false;
        if (fired_) return Kind::resolved;
        return std::nullopt;  // its beginning was not reported
    }
    // A new episode soon after the last message waits for the gap as a repetition does: memory that swings around both
    // thresholds does not send a message with every swing.
    if (!firing_ || (last_message_ && now - *last_message_ < options_.minimum_gap)) return std::nullopt;
    last_message_ = now;
    return std::exchange(fired_, true) ? Kind::repeated : Kind::firing;
}

}  // namespace leakline::alert
