// Quantities as people write and read them. Pure functions, safe from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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
std::string format_signed_count(std::int64_t count);  // "+1,234", "-1", "+0"
// 1, "mark" -> "1 mark"; 1200, "mark" -> "1,200 marks".
std::string counted(std::uint64_t count, std::string_view noun);
// 12.345 -> "12.35/s", 39310.4 -> "39,310/s": no powers of ten.
std::string format_per_second(double rate);

}  // namespace leakline
