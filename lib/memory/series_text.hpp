// Numbers, times and sizes as they stand in logs of memory. Pure functions, safe from any thread.
#pragma once

#include <optional>
#include <string_view>

namespace leakline::memory {

// Reads a decimal number ("12", "-3.25", "1e9") at the start of [begin, end) and returns where it ends; nullptr where
// there is none. Short numbers, which are nearly all, are read without rounding twice: up to 15 digits are exact in a
// double, and so is the power of ten that divides them.
const char* parse_decimal(const char* begin, const char* end, double& value);
// The same of a whole text; "nan" and "inf" are numbers too.
std::optional<double> parse_number(std::string_view text);

// Seconds since the Unix epoch of "2024-06-07T12:30:00.5Z", "2024-06-07 12:30:00,500", "07.06.2024 12:30", with "+02:00",
// " +0200", " UTC" or without (then UTC). Nothing for text that is not wholly such a time, or a date that does not exist.
// (06/07/2024 is refused: whether June or July depends on the reader.)
std::optional<double> parse_iso_time(std::string_view text);

// Seconds since midnight of "13:05:09", "01:05:09 PM".
std::optional<double> parse_clock_time(std::string_view text);

}  // namespace leakline::memory
