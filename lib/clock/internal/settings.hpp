// How fast the clock of a service runs, from the process that starts it to the library that is loaded into it (preloaded side:
// clocks.cpp), in an environment variable. All processes of a service have the same settings, so that their clocks agree, also
// those that are started later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace leakline::clock {

struct Settings {
    static constexpr unsigned kFractionBits = 24;

    static constexpr std::uint64_t kOne = std::uint64_t{1} << kFractionBits, kLargestScale = 1'000'000, kLargestSlowdown = 1000;

    std::uint64_t scale = kOne;                     // seconds of the service per second, as a fixed-point number
    std::int64_t shortest_wait_ns = 1'000'000'000;  // waits shorter than this keep their length
    std::int64_t origin_ns = 0;                     // CLOCK_MONOTONIC at which the service's clocks begin to run so fast
    std::int64_t wall_ns = 0;                       // the service's CLOCK_REALTIME then
};

inline constexpr char kVariable[] = "LEAKLINE_CLOCK";
// The name of the library in /proc/PID/maps.
inline constexpr char kLibraryName[] = "leakline-clock";

// The decimal number at the beginning, taken out of the text; nothing if it does not fit. (std::from_chars would export symbols of
// its own from the library.)
constexpr std::optional<std::int64_t> take_number(std::string_view& text) {
    std::int64_t value = 0;
    std::size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, text[digits] - '0', &value)) return std::nullopt;
    }
    if (digits == 0) return std::nullopt;
    text.remove_prefix(digits);
    return value;
}

// The variable's value is "SCALE:SHORTEST_WAIT:ORIGIN:WALL". Nothing for any other text.
constexpr std::optional<Settings> parse_settings(std::string_view text) {
    std::int64_t numbers[4] = {};
    for (int i = 0; i < 4; ++i) {
        if (i > 0) {
            if (!text.starts_with(':')) return std::nullopt;
            text.remove_prefix(1);
        }
        const auto number = take_number(text);
        if (!number) return std::nullopt;
        numbers[i] = *number;
    }
    const auto scale = static_cast<std::uint64_t>(numbers[0]);
    if (!text.empty() || scale < Settings::kOne / Settings::kLargestSlowdown || scale > Settings::kOne * Settings::kLargestScale)
        return std::nullopt;
    return Settings{scale, numbers[1], numbers[2], numbers[3]};
}

}  // namespace leakline::clock
