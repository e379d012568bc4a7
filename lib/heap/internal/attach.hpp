// Loads leakline's agent into a running process: without a debugger, and with one thread stopped, mostly for less than a millisecond.
//
//   leakline                        the process
//   stops one waiting thread  --->  which starts a thread (pthread_create), and goes on
//                                   the new thread loads the library (dlopen) from a file in memory of its own, and becomes the agent's
//   reads the segment         <---  a second file in memory, which both have open
//
// Thread-safety: functions without state; a call is made by one thread.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/quantities.hpp"
#include "heap/internal/attached_segment.hpp"

namespace leakline::heap {

struct Attached {
    std::unique_ptr<AttachedSegment> segment;
    Nanoseconds stopped{};  // how long the one thread was stopped
};

// Throws Error before it has touched the process if an agent cannot work there (check_running), and if the agent could not be loaded.
// interval: mean bytes between samples. patience: until it has started and one of its threads waits; 0: one look.
Attached attach_agent(int pid, Bytes interval, const std::stop_token& stop, Nanoseconds patience = std::chrono::seconds(5));

}  // namespace leakline::heap
