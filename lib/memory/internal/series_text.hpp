// Numbers as they stand in logs of memory. Pure functions, safe from any thread.
#pragma once

#include <optional>
#include <string_view>

namespace leakline::memory {

// Reads a decimal number ("12", "-3.25", "1e9") at the start of [begin, end) and returns where it ends; nullptr if
// there is none. Short numbers, which are nearly all, are read without rounding twice: up to 15 digits are exact in a
// double, and so is the power of ten that divides them.
const char* parse_decimal(const char* begin, const char* end, double& value);
// The same for a whole text; "nan" and "inf" are numbers too.
std::optional<double> parse_number(std::string_view text);

// A cell that holds no value: nothing, "null", "N/A", "NaN", "-", ...
bool is_missing(std::string_view cell);

}  // namespace leakline::memory
