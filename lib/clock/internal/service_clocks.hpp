// The clocks of the process that this library is loaded into. For the hooks of this folder.
//
// Any thread, also within a signal's handler and in the child of a fork or vfork: nothing allocates, locks or waits, except the
// first call of all.
#pragma once

#include <time.h>

#include <cstdint>

#include "clock/internal/scaled_time.hpp"
#include "unwind/next_function.hpp"

#define LEAKLINE_EXPORT [[gnu::visibility("default")]]

namespace leakline::clock {

// Nothing if the clocks are the machine's: without settings in the environment, or before the C library has an environment.
const Settings* settings();

// Whether a clock is scaled: those that follow time, not those that count what a process has used of a processor.
constexpr bool is_scaled_clock(clockid_t clock) {
    constexpr unsigned kScaled = 1u << CLOCK_REALTIME | 1u << CLOCK_MONOTONIC | 1u << CLOCK_MONOTONIC_RAW | 1u << CLOCK_REALTIME_COARSE |
                                 1u << CLOCK_MONOTONIC_COARSE | 1u << CLOCK_BOOTTIME | 1u << CLOCK_REALTIME_ALARM |
                                 1u << CLOCK_BOOTTIME_ALARM | 1u << CLOCK_TAI;
    return static_cast<unsigned>(clock) < 32 && (kScaled >> clock & 1) != 0;
}

// A clock for which is_scaled_clock() holds, as the machine has it and as the service sees it.
std::int64_t real_now(clockid_t clock);
std::int64_t service_now(const Settings& settings, clockid_t clock);
// The time on the machine's clock at which a wait ends that the service ends at `until` on its clock. In the past if it is over.
timespec real_deadline(const Settings& settings, clockid_t clock, const timespec& until);

// heaptrack's tracker times its own work: its calls get the machine's clock.
bool is_tracker(const void* caller);

}  // namespace leakline::clock
