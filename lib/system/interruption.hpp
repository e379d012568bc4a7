// The signals that end us: a command stops its work and leaves with what it has.
//
// Thread-safety: any thread.
#pragma once

#include "base/quantities.hpp"

namespace leakline {

// From install() on, SIGINT, SIGTERM and SIGHUP set a flag instead of ending the process, so that a command can stop its
// work, write what it has, and leave with 130 or 143. A second one, 250 ms after the first or later,
// ends the process at once, and what it has started with it; so does the first where the work has not asked for it (received())
// 5 s later, or where at_once says so: while options are read there is nothing to stop for.
namespace interruption {
enum class Response { deferred, at_once };
void install(Response response = Response::deferred);
// The signal that arrived (SIGINT, SIGTERM or SIGHUP), or 0.
int received();
// A descriptor that becomes readable when the signal arrives, for poll().
int descriptor();
// Sleeps, but returns early (false) when interrupted.
bool sleep_for(Nanoseconds duration);
// Called from the second signal's handler before the process ends; async-signal-safe code only.
void on_second_signal(void (*action)());
}  // namespace interruption

}  // namespace leakline
