// Arithmetic of a clock that runs faster: times and durations of the service ("service") from and to those of the machine ("real").
// Nanoseconds throughout; what does not fit in 64 bits (292 years) is the largest number. Pure functions.
#pragma once

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "clock/internal/settings.hpp"

namespace leakline::clock {

inline constexpr std::int64_t kSecond = 1'000'000'000, kForever = std::numeric_limits<std::int64_t>::max();
// Waits that are meant to last until something happens; scaled, they could end.
inline constexpr std::int64_t kEndless = 100LL * 365 * 86400 * kSecond;
// A scaled wait lasts at least this long: a loop with a one-second wait must not occupy a processor at any scale.
inline constexpr std::int64_t kShortestScaledWait = 1'000'000;

__extension__ typedef __int128 Wide;

constexpr std::int64_t saturated(Wide value) {
    constexpr Wide kMax = kForever;
    return static_cast<std::int64_t>(value > kMax ? kMax : value < -kMax ? -kMax : value);
}
constexpr std::int64_t added(std::int64_t a, std::int64_t b) { return saturated(static_cast<Wide>(a) + b); }

constexpr bool is_valid(const timespec& time) { return time.tv_nsec >= 0 && time.tv_nsec < kSecond; }
constexpr std::int64_t to_ns(const timespec& time) { return saturated(static_cast<Wide>(time.tv_sec) * kSecond + time.tv_nsec); }
constexpr timespec to_timespec(std::int64_t ns) {
    std::int64_t seconds = ns / kSecond, rest = ns % kSecond;
    if (rest < 0) {
        rest += kSecond;
        --seconds;
    }
    return {seconds, rest};
}
constexpr bool is_valid(const timeval& time) { return time.tv_usec >= 0 && time.tv_usec < 1'000'000; }
constexpr std::int64_t to_ns(const timeval& time) { return saturated(static_cast<Wide>(time.tv_sec) * kSecond + time.tv_usec * 1000); }
// Rounded up, so that a wait does not become shorter, and a timer that is armed does not become one that is not.
constexpr timeval to_timeval(std::int64_t ns) {
    const timespec time = to_timespec(added(ns, 999));
    return {time.tv_sec, time.tv_nsec / 1000};
}
constexpr std::int64_t milliseconds_rounded_up(std::int64_t ns) { return ns / 1'000'000 + (ns % 1'000'000 > 0 ? 1 : 0); }

// How much service time passes in so much real time.
constexpr std::int64_t service_duration(const Settings& settings, std::int64_t real) {
    return saturated(static_cast<Wide>(real) * static_cast<Wide>(settings.scale) >> Settings::kFractionBits);
}
// The service's CLOCK_MONOTONIC when the real one shows this.
constexpr std::int64_t service_time(const Settings& settings, std::int64_t real) {
    return added(settings.origin_ns, service_duration(settings, real - settings.origin_ns));
}

constexpr bool is_scaled_wait(const Settings& settings, std::int64_t service) {
    return service >= settings.shortest_wait_ns && service < kEndless;
}
// How long to wait for what the service waits this long: rounded up, so that its clock shows the end of the wait afterwards.
constexpr std::int64_t real_wait(const Settings& settings, std::int64_t service) {
    if (service <= 0 || !is_scaled_wait(settings, service)) return service;
    const Wide scaled = (static_cast<Wide>(service) << Settings::kFractionBits) + static_cast<Wide>(settings.scale) - 1;
    const auto exact = static_cast<std::int64_t>(scaled / static_cast<Wide>(settings.scale));
    return std::max(exact, std::min(service, kShortestScaledWait));
}
// What is left for the service of a wait that was made real_wait(asked) long.
constexpr std::int64_t remaining_service_time(const Settings& settings, std::int64_t real_left, std::int64_t asked) {
    if (!is_scaled_wait(settings, asked)) return real_left;
    return std::min(service_duration(settings, real_left), asked);
}

}  // namespace leakline::clock
