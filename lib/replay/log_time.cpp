#include "replay/internal/log_time.hpp"

#include <array>
#include <charconv>
#include <limits>

#include "base/strings.hpp"

namespace leakline::replay {

namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 12> kMonthNames = {"January", "February", "March",     "April",   "May",      "June",
                                                          "July",    "August",   "September", "October", "November", "December"};

LogTime bad(std::string_view text, const std::string& reason) {
    return {std::nullopt, "bad timestamp '" + printable(text.substr(0, 40)) + "': " + reason};
}

// Takes a number of exactly that many digits off the front, or nothing.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
    if (text.size() < digits) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        if (text[i] < '0' || text[i] > '9') return std::nullopt;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(digits);
    return value;
}

bool take(std::string_view& text, char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

// "+0200", "+02:00", "Z" or nothing; minutes east of UTC.
std::optional<int> take_zone(std::string_view& text) {
    if (text.empty() || take(text, 'Z') || take(text, 'z')) return 0;
    const int sign = text.front() == '-' ? -1 : 1;
    if (!take(text, '+') && !take(text, '-')) return std::nullopt;
    const std::optional<int> hours = take_number(text, 2);
    take(text, ':');
    const std::optional<int> minutes = take_number(text, 2);
    if (!hours || !minutes || *hours > 15 || *minutes > 59) return std::nullopt;
    return sign * (*hours * 60 + *minutes);
}

// Nanoseconds of a fraction's digits; more than nine are cut.
std::int64_t fraction_ns(std::string_view digits) {
    std::int64_t ns = 0;
    for (std::size_t i = 0; i < 9; ++i) ns = ns * 10 + (i < digits.size() ? digits[i] - '0' : 0);
    return ns;
}

std::string_view take_digits(std::string_view& text) {
    const std::size_t end = text.find_first_not_of("0123456789");
    const std::string_view digits = text.substr(0, end);
    text.remove_prefix(digits.size());
    return digits;
}

struct Civil {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, zone_minutes = 0;
    std::int64_t ns = 0;
};

// Takes what both written forms end with: HH:MM:SS, a fraction after "." or "," where there is one, a blank before the
// zone. False where something else stands there, or behind it.
bool take_time_of_day(std::string_view& text, Civil& civil) {
    const auto hour = take_number(text, 2);
    const bool colon = take(text, ':');
    const auto minute = take_number(text, 2);
    const bool second_colon = take(text, ':');
    const auto second = take_number(text, 2);
    if (take(text, '.') || take(text, ',')) civil.ns = fraction_ns(take_digits(text));
    take(text, ' ');
    const auto zone = take_zone(text);
    if (!hour || !colon || !minute || !second_colon || !second || !zone || !text.empty()) return false;
    civil.hour = *hour;
    civil.minute = *minute;
    civil.second = *second;
    civil.zone_minutes = *zone;
    return true;
}

LogTime from_civil(std::string_view text, const Civil& civil) {
    if (civil.month < 1 || civil.month > 12) return bad(text, "no such month");
    const std::chrono::year year(civil.year);
    const std::chrono::month month(static_cast<unsigned>(civil.month));
    const unsigned last = static_cast<unsigned>(std::chrono::year_month_day_last(year, std::chrono::month_day_last(month)).day());
    if (civil.day < 1 || static_cast<unsigned>(civil.day) > last)
        return bad(text, std::string(kMonthNames[static_cast<std::size_t>(civil.month - 1)]) + " has " + std::to_string(last) + " days");
    // 60 is a leap second.
    if (civil.hour > 23 || civil.minute > 59 || civil.second > 60) return bad(text, "not a time of day");
    if (civil.year < 1678 || civil.year > 2261) return bad(text, "the year is out of range");
    const std::chrono::sys_days days(std::chrono::year_month_day(year, month, std::chrono::day(static_cast<unsigned>(civil.day))));
    return {Nanoseconds(days.time_since_epoch()) + std::chrono::hours(civil.hour) +
                std::chrono::minutes(civil.minute - civil.zone_minutes) + std::chrono::seconds(civil.second) + Nanoseconds(civil.ns),
            {}};
}

}  // namespace

LogTime parse_common_time(std::string_view whole) {
    std::string_view text = whole;
    Civil civil;
    const auto day = take_number(text, 2);
    if (!day || !take(text, '/')) return bad(whole, "expected DD/Mon/YYYY:HH:MM:SS +ZZZZ");
    for (std::size_t i = 0; i < kMonths.size(); ++i)
        if (text.starts_with(kMonths[i])) civil.month = static_cast<int>(i) + 1;
    if (civil.month == 0) return bad(whole, "no such month");
    text.remove_prefix(3);
    const bool slash = take(text, '/');
    const auto year = take_number(text, 4);
    if (!slash || !year || !take(text, ':') || !take_time_of_day(text, civil)) return bad(whole, "expected DD/Mon/YYYY:HH:MM:SS +ZZZZ");
    civil.year = *year;
    civil.day = *day;
    return from_civil(whole, civil);
}

LogTime parse_iso_time(std::string_view whole) {
    std::string_view text = whole;
    Civil civil;
    const auto year = take_number(text, 4);
    const bool hyphen = take(text, '-');
    const auto month = take_number(text, 2);
    const bool second_hyphen = take(text, '-');
    const auto day = take_number(text, 2);
    const bool middle = take(text, 'T') || take(text, 't') || take(text, ' ');
    if (!year || !hyphen || !month || !second_hyphen || !day || !middle || !take_time_of_day(text, civil))
        return bad(whole, "expected YYYY-MM-DDTHH:MM:SS.fffZ");
    civil.year = *year;
    civil.month = *month;
    civil.day = *day;
    return from_civil(whole, civil);
}

LogTime parse_kibana_time(std::string_view whole) {
    std::string_view text = whole;
    Civil civil;
    for (std::size_t i = 0; i < kMonths.size(); ++i)
        if (text.starts_with(kMonths[i])) civil.month = static_cast<int>(i) + 1;
    if (civil.month == 0) return bad(whole, "no such month");
    text.remove_prefix(3);
    const bool blank = take(text, ' ');
    const std::string_view day = take_digits(text);
    std::from_chars(day.data(), day.data() + day.size(), civil.day);
    const bool comma = take(text, ',') && take(text, ' ');
    const auto year = take_number(text, 4);
    const bool at = text.starts_with(" @ ");
    if (at) text.remove_prefix(3);
    if (!blank || day.empty() || day.size() > 2 || !comma || !year || !at || !take_time_of_day(text, civil))
        return bad(whole, "expected Mon D, YYYY @ HH:MM:SS.fff");
    civil.year = *year;
    return from_civil(whole, civil);
}

LogTime parse_unix_time(std::string_view whole) {
    std::string_view text = whole;
    const std::string_view digits = take_digits(text);
    std::int64_t value = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || parsed.ec != std::errc()) return bad(whole, "expected a count of seconds");
    std::int64_t fraction = 0;
    const bool has_fraction = take(text, '.');
    if (has_fraction) fraction = fraction_ns(take_digits(text));
    if (!text.empty()) return bad(whole, "expected a count of seconds");
    std::int64_t scale = 1'000'000'000;  // ns in a unit of value
    if (!has_fraction) {
        if (value >= 100'000'000'000'000'000)
            scale = 1;
        else if (value >= 100'000'000'000'000)
            scale = 1'000;
        else if (value >= 100'000'000'000)
            scale = 1'000'000;
    }
    std::int64_t ns = 0;
    if (__builtin_mul_overflow(value, scale, &ns) || __builtin_add_overflow(ns, fraction, &ns))
        return bad(whole, "the time is out of range");
    return {Nanoseconds(ns), {}};
}

LogTime parse_any_time(std::string_view text) {
    if (text.size() > 4 && text[4] == '-') return parse_iso_time(text);
    if (text.size() > 2 && text[2] == '/') return parse_common_time(text);
    if (text.size() > 3 && text[3] == ' ') return parse_kibana_time(text);
    return parse_unix_time(text);
}

std::optional<Nanoseconds> parse_decimal_seconds(std::string_view text) {
    const std::string_view whole = take_digits(text);
    std::int64_t seconds = 0;
    const auto parsed = std::from_chars(whole.data(), whole.data() + whole.size(), seconds);
    if (whole.empty() || parsed.ec != std::errc() || seconds > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
    std::int64_t ns = 0;
    if (take(text, '.')) ns = fraction_ns(take_digits(text));
    if (!text.empty()) return std::nullopt;
    return std::chrono::seconds(seconds) + Nanoseconds(ns);
}

}  // namespace leakline::replay
