// Quantities as people write and read them, and "did you mean". Pure functions, safe from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace leakline {

using Bytes = std::uint64_t;
using Nanoseconds = std::chrono::nanoseconds;

inline constexpr double kMiB = 1024.0 * 1024.0;

// Parsers return nothing for text that is not wholly a quantity, is negative, or overflows.

// "512MiB", "1.5 GiB", "64B", "4096". Units: B KiB MiB GiB TiB (powers of 1024), kB KB MB GB TB (powers of 1000);
// K M G T alone mean powers of 1024, as in cgroup and Kubernetes' Ki. No unit: bytes.
std::optional<Bytes> parse_size(std::string_view text);

// "100ms", "30s", "1.5h", "1h30m", "72h", "2d"; units ns us ms s m h d; no unit: seconds.
std::optional<Nanoseconds> parse_duration(std::string_view text);

// Events per second: "500/s", "30/m", "1000/h", "500" (per second).
std::optional<double> parse_rate(std::string_view text);

// "80%" or "0.8" -> 0.8.
std::optional<double> parse_fraction(std::string_view text);

// A growth budget: "64B/request" or "1MiB/h" (per s, m, h, d).
struct Growth {
    enum class Per { request, hour };
    double bytes = 0;
    Per per = Per::hour;
};
std::optional<Growth> parse_growth(std::string_view text);

// 1536 -> "1.5 KiB"; three significant digits, exact below 1 KiB. The signed form keeps "+" and "-".
std::string format_bytes(double bytes);
std::string format_signed_bytes(double bytes);
// 90 s -> "1m30s", 0.05 s -> "50ms", 43200 s -> "12h".
std::string format_duration(Nanoseconds duration);
double to_seconds(Nanoseconds duration);
// 1234567 -> "1,234,567".
std::string format_count(std::uint64_t count);
// 12.345 -> "12.35/s", 39310.4 -> "39,310/s": no powers of ten.
std::string format_per_second(double rate);

// The candidate nearest to word by Damerau-Levenshtein distance, if near enough to be what was meant.
std::optional<std::string> did_you_mean(std::string_view word, std::span<const std::string> candidates);
// "; did you mean 'html'?" or "".
std::string did_you_mean_text(std::string_view word, std::span<const std::string> candidates);

// Pieces between separators, empty ones kept: "a,,b" -> {"a", "", "b"}. Views live as long as text.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
// What follows the last '/' of a path; a path that ends in one is returned whole. A view into path.
std::string_view file_name(std::string_view path);
// The characters of text that a terminal, a log or a CI annotation can show: control characters become "\xNN".
std::string printable(std::string_view text);

}  // namespace leakline
