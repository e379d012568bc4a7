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
// (06/07/2024 is refused: whether June or July depends on the file; see parse_slash_date.)
std::optional<double> parse_iso_time(std::string_view text);

// The same of "12/31/2018 12:00", "6/7/24, 1:05:09 PM", as the United States (and, day first, others) write dates: with
// "/" or "-" between, without a zone. Nothing where the date does not exist in that order.
enum class DateOrder : unsigned char { month_first, day_first };
std::optional<double> parse_slash_date(std::string_view text, DateOrder order);

// The same of a date with the month as a word: "Fri Jun  7 12:30:00 UTC 2024", "Fri 07 Jun 2024 12:30:00 PM UTC" (the forms
// of date), "Friday, June 7, 2024 12:30:00 PM", "Dec 12, 2018 @ 12:00:00.000", "07/Jun/2024:12:30:00 +0000". A zone is
// taken for UTC. English months, and the German, French and Spanish ones that differ.
std::optional<double> parse_date_words(std::string_view text);

// The same of "20240607123000" and "202406071230", as date +%Y%m%d%H%M%S writes them.
std::optional<double> parse_compact_date(std::string_view text);

// Seconds since the epoch, in seconds (10 digits before the point), ms (13), us (16) or ns (19), of 2001 to 2033.
std::optional<double> parse_epoch(std::string_view text);

// Seconds since midnight of "13:05:09", "01:05:09 PM", "1:05 PM".
std::optional<double> parse_clock_time(std::string_view text);

// A cell that holds no value: nothing, "null", "N/A", "NaN", "-", ...
bool is_missing(std::string_view cell);

}  // namespace leakline::memory
