#include "replay/internal/served_connections.hpp"

#include <algorithm>
#include <utility>

namespace leakline::replay {

namespace {

// Without a response for so long, idle connections are closed; what is answered at once afterwards had waited for that, not for a slow
// handler.
constexpr Nanoseconds kNoAnswer = std::chrono::milliseconds(500), kAtOnce = std::chrono::milliseconds(100);
// Responses of the round for each connection that waited: a target that hardly answers has other troubles.
constexpr std::uint64_t kMostAreAnswered = 10;

}  // namespace

void ServedConnections::note(const http::ClientPool::Done& result) {
    const bool answered = result.status != 0;
    if (answered) {
        last_answer_ = result.end;
        ++answers_;
    }
    if (result.opened == 0) return;
    const bool waited = closed_ && answered && *closed_ - result.started >= kNoAnswer && result.end - *closed_ <= kAtOnce;
    const bool waits_still = !closed_ && !answered && result.failure == Failure::timeout && result.first_write.count() != 0;
    if (waited || waits_still) ++waiting_;
}

bool ServedConnections::closes_idle(Nanoseconds now) {
    if (closed_ || answers_ == 0 || usable_ < 2 || now - last_answer_ < kNoAnswer) return false;
    closed_ = now;
    return true;
}

bool ServedConnections::leave_out() {
    const int waiting = std::min(std::exchange(waiting_, 0), usable_ / 2);  // of a connection, several requests may have waited
    const std::uint64_t answers = std::exchange(answers_, 0);
    closed_.reset();
    if (waiting == 0 || usable_ < 2 || answers < kMostAreAnswered * static_cast<std::uint64_t>(waiting)) return false;
    usable_ = std::max(1, usable_ - waiting);
    return true;
}

}  // namespace leakline::replay
