// A date and time of day by the Gregorian calendar, and the parts that all written forms of it share. Pure functions, safe
// from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/quantities.hpp"

namespace leakline {

inline constexpr std::array<std::string_view, 12> kMonthNames = {"January", "February", "March",     "April",   "May",      "June",
                                                                 "July",    "August",   "September", "October", "November", "December"};

struct CivilTime {
    int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0;
    std::int64_t ns = 0;
    int zone_minutes = 0;  // east of UTC
};

// Since the Unix epoch. Nothing for a date or time of day that does not exist, or one outside of the years 1678 to 2261;
// why says so where it is given.
std::optional<Nanoseconds> since_epoch(const CivilTime& civil, std::string* why = nullptr);

// In UTC.
CivilTime civil_time(Nanoseconds since_epoch);

// Each takes what it reads off the front of text; on failure text may have lost a part of it.

// A number of exactly that many digits.
std::optional<int> take_number(std::string_view& text, std::size_t digits);
// All digits at the front, maybe none.
std::string_view take_digits(std::string_view& text);
// One of these characters.
bool take_any(std::string_view& text, std::string_view characters);
// "13:05", "13:05:09", "13:05:09.25", "13:05:09,25". Digits after the ninth of a fraction are cut.
bool take_clock(std::string_view& text, CivilTime& civil);
// Nothing (UTC), "Z", "UTC", "GMT", "+02:00", "+0200" or "-05", after a space or not.
bool take_zone(std::string_view& text, CivilTime& civil);

// The nanoseconds of a second's fraction, of which these are the digits.
std::int64_t fraction_ns(std::string_view digits);

}  // namespace leakline
