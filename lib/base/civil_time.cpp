#include <chrono>

#include "base/ascii.hpp"
#include "base/internal/civil_time.hpp"

namespace leakline {

std::optional<Nanoseconds> since_epoch(const CivilTime& civil, std::string* why) {
    const auto refuse = [&](std::string reason) -> std::optional<Nanoseconds> {
        if (why != nullptr) *why = std::move(reason);
        return std::nullopt;
    };
    if (civil.month < 1 || civil.month > 12) return refuse("no such month");
    const std::chrono::year year(civil.year);
    const std::chrono::month month(static_cast<unsigned>(civil.month));
    const unsigned last = static_cast<unsigned>(std::chrono::year_month_day_last(year, std::chrono::month_day_last(month)).day());
    if (civil.day < 1 || static_cast<unsigned>(civil.day) > last)
        return refuse(std::string(kMonthNames[static_cast<std::size_t>(civil.month - 1)]) + " has " + std::to_string(last) + " days");
    // 24:00 is the end of the day, 60 a leap second.
    const bool end_of_day = civil.hour == 24 && civil.minute == 0 && civil.second == 0;
    if ((civil.hour > 23 && !end_of_day) || civil.minute > 59 || civil.second > 60) return refuse("not a time of day");
    if (civil.year < 1678 || civil.year > 2261) return refuse("the year is out of range");
    const std::chrono::sys_days days(std::chrono::year_month_day(year, month, std::chrono::day(static_cast<unsigned>(civil.day))));
    return Nanoseconds(days.time_since_epoch()) + std::chrono::hours(civil.hour) + std::chrono::minutes(civil.minute - civil.zone_minutes) +
           std::chrono::seconds(civil.second) + Nanoseconds(civil.ns);
}

CivilTime civil_time(Nanoseconds since_epoch) {
    using namespace std::chrono;
    const sys_days day = floor<days>(sys_time<Nanoseconds>(since_epoch));
    const year_month_day date(day);
    const Nanoseconds in_day = since_epoch - Nanoseconds(day.time_since_epoch());
    const hh_mm_ss<seconds> clock(floor<seconds>(in_day));
    CivilTime civil;
    civil.year = static_cast<int>(date.year());
    civil.month = static_cast<int>(static_cast<unsigned>(date.month()));
    civil.day = static_cast<int>(static_cast<unsigned>(date.day()));
    civil.hour = static_cast<int>(clock.hours().count());
    civil.minute = static_cast<int>(clock.minutes().count());
    civil.second = static_cast<int>(clock.seconds().count());
    civil.ns = (in_day - floor<seconds>(in_day)).count();
    return civil;
}

std::optional<int> take_number(std::string_view& text, std::size_t digits) {
    if (text.size() < digits) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        if (!is_digit(text[i])) return std::nullopt;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(digits);
    return value;
}

std::string_view take_digits(std::string_view& text) {
    const std::size_t end = text.find_first_not_of("0123456789");
    const std::string_view digits = text.substr(0, end);
    text.remove_prefix(digits.size());
    return digits;
}

bool take_any(std::string_view& text, std::string_view characters) {
    if (text.empty() || characters.find(text.front()) == characters.npos) return false;
    text.remove_prefix(1);
    return true;
}

bool take_clock(std::string_view& text, CivilTime& civil) {
    const auto hour = take_number(text, 2);
    if (!hour || !take_any(text, ":")) return false;
    const auto minute = take_number(text, 2);
    if (!minute) return false;
    civil.hour = *hour;
    civil.minute = *minute;
    if (!take_any(text, ":")) return true;
    const auto second = take_number(text, 2);
    if (!second) return false;
    civil.second = *second;
    if (take_any(text, ".,")) civil.ns = fraction_ns(take_digits(text));
    return true;
}

bool take_zone(std::string_view& text, CivilTime& civil) {
    take_any(text, " ");
    if (text.starts_with("UTC") || text.starts_with("GMT")) {
        text.remove_prefix(3);
        return true;
    }
    if (text.empty() || take_any(text, "Zz")) return true;
    const int sign = text.front() == '-' ? -1 : 1;
    if (!take_any(text, "+-")) return false;
    const auto hours = take_number(text, 2);
    if (!hours || *hours > 15) return false;
    int minutes = 0;
    if (!text.empty()) {
        take_any(text, ":");
        const auto read = take_number(text, 2);
        if (!read || *read > 59) return false;
        minutes = *read;
    }
    civil.zone_minutes = sign * (*hours * 60 + minutes);
    return true;
}

std::int64_t fraction_ns(std::string_view digits) {
    std::int64_t ns = 0;
    for (std::size_t i = 0; i < 9; ++i) ns = ns * 10 + (i < digits.size() ? digits[i] - '0' : 0);
    return ns;
}

}  // namespace leakline
