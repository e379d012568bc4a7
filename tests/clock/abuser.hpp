// What the checks of the abuser have in common, and their names.
#pragma once

#include <time.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

inline constexpr std::int64_t kSecond = 1'000'000'000;
inline constexpr std::int64_t kWait = 600 * kSecond;  // what most checks wait for

inline std::vector<std::string> failures;

inline void require(bool holds, const char* what, const char* file, int line) {
    if (!holds) failures.push_back(std::string(file) + ":" + std::to_string(line) + ": " + what);
}
#define REQUIRE(...) require((__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)

inline std::int64_t now(clockid_t clock = CLOCK_MONOTONIC) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return time.tv_sec * kSecond + time.tv_nsec;
}
inline timespec at(std::int64_t ns) { return {ns / kSecond, ns % kSecond}; }
inline timespec in(clockid_t clock, std::int64_t ns) { return at(now(clock) + ns); }

// Checks that `wait` has lasted what it should, and that the result is as it should be.
template <typename Wait>
void lasts(std::int64_t ns, Wait wait, const char* file, int line) {
    const std::int64_t begin = now(), wall = now(CLOCK_REALTIME);
    wait();
    require(now() - begin >= ns, "not shorter by CLOCK_MONOTONIC", file, line);
    require(now(CLOCK_REALTIME) - wall >= ns - kSecond / 1000, "not shorter by CLOCK_REALTIME", file, line);
}
#define LASTS(ns, ...) \
    lasts(             \
        ns, [&] { __VA_ARGS__; }, __FILE__, __LINE__)

// abuser_waits.cpp
void sleeps();
void descriptors();
void conditions();
void locks();
void futexes();
void queues();
// abuser_timers.cpp
void timers();
void interruptions();
// abuser_processes.cpp
void cancellation();
void processes();
void threads();
void endless();
