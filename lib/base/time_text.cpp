#include "base/time_text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <limits>

#include "base/internal/civil_time.hpp"
#include "base/strings.hpp"

namespace leakline {

namespace {

ParsedTime bad(std::string_view text, const std::string& reason) {
    return {std::nullopt, "bad timestamp '" + printable(text.substr(0, 40)) + "': " + reason};
}

// "Jan" to "Dec" off the front of text: 1 to 12, or 0.
int take_month(std::string_view& text) {
    for (std::size_t i = 0; i < kMonthNames.size(); ++i) {
        if (!text.starts_with(kMonthNames[i].substr(0, 3))) continue;
        text.remove_prefix(3);
        return static_cast<int>(i) + 1;
    }
    return 0;
}

// text: what is left of whole where the time of day begins. Seconds are required: of a log's stamp they are never absent.
ParsedTime finish(std::string_view whole, std::string_view text, CivilTime& civil, const char* form) {
    const bool seconds = text.size() > 5 && text[5] == ':';
    if (!seconds || !take_clock(text, civil) || !take_zone(text, civil) || !text.empty())
        return bad(whole, std::string("expected ") + form);
    std::string why;
    const auto at = since_epoch(civil, &why);
    return at ? ParsedTime{at, {}} : bad(whole, why);
}

}  // namespace

ParsedTime parse_common_time(std::string_view whole) {
    constexpr const char* kForm = "DD/Mon/YYYY:HH:MM:SS +ZZZZ";
    std::string_view text = whole;
    CivilTime civil;
    const auto day = take_number(text, 2);
    if (!day || !take_any(text, "/")) return bad(whole, std::string("expected ") + kForm);
    civil.month = take_month(text);
    if (civil.month == 0) return bad(whole, "no such month");
    const bool slash = take_any(text, "/");
    const auto year = take_number(text, 4);
    if (!slash || !year || !take_any(text, ": ")) return bad(whole, std::string("expected ") + kForm);
    civil.year = *year;
    civil.day = *day;
    return finish(whole, text, civil, kForm);
}

ParsedTime parse_iso_time(std::string_view whole) {
    constexpr const char* kForm = "YYYY-MM-DDTHH:MM:SS.fffZ";
    std::string_view text = whole;
    CivilTime civil;
    const auto year = take_number(text, 4);
    const bool hyphen = take_any(text, "-");
    const auto month = take_number(text, 2);
    const bool second_hyphen = take_any(text, "-");
    const auto day = take_number(text, 2);
    if (!year || !hyphen || !month || !second_hyphen || !day || !take_any(text, "Tt ")) return bad(whole, std::string("expected ") + kForm);
    civil.year = *year;
    civil.month = *month;
    civil.day = *day;
    return finish(whole, text, civil, kForm);
}

ParsedTime parse_kibana_time(std::string_view whole) {
    constexpr const char* kForm = "Mon D, YYYY @ HH:MM:SS.fff";
    std::string_view text = whole;
    CivilTime civil;
    civil.month = take_month(text);
    if (civil.month == 0) return bad(whole, "no such month");
    const bool blank = take_any(text, " ");
    const std::string_view day = take_digits(text);
    const bool comma = take_any(text, ",") && take_any(text, " ");
    const auto year = take_number(text, 4);
    if (!blank || day.empty() || day.size() > 2 || !comma || !year || !text.starts_with(" @ "))
        return bad(whole, std::string("expected ") + kForm);
    text.remove_prefix(3);
    std::from_chars(day.data(), day.data() + day.size(), civil.day);
    civil.year = *year;
    return finish(whole, text, civil, kForm);
}

ParsedTime parse_unix_time(std::string_view whole) {
    constexpr const char* kForm = "expected a count of seconds";
    std::string_view text = whole;
    const std::string_view digits = take_digits(text);
    std::int64_t value = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || parsed.ec != std::errc()) return bad(whole, kForm);
    std::int64_t scale = 1'000'000'000;  // ns in a unit of value
    if (value >= 100'000'000'000'000'000)
        scale = 1;
    else if (value >= 100'000'000'000'000)
        scale = 1'000;
    else if (value >= 100'000'000'000)
        scale = 1'000'000;
    std::int64_t fraction = 0;
    if (take_any(text, ".")) fraction = fraction_ns(take_digits(text)) / (1'000'000'000 / scale);
    if (!text.empty()) return bad(whole, kForm);
    std::int64_t ns = 0;
    if (__builtin_mul_overflow(value, scale, &ns) || __builtin_add_overflow(ns, fraction, &ns))
        return bad(whole, "the time is out of range");
    return {Nanoseconds(ns), {}};
}

ParsedTime parse_any_time(std::string_view text) {
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
    if (take_any(text, ".")) ns = fraction_ns(take_digits(text));
    if (!text.empty()) return std::nullopt;
    return std::chrono::seconds(seconds) + Nanoseconds(ns);
}

std::string format_utc_date(Nanoseconds wall) {
    const CivilTime utc = civil_time(wall);
    return fmt::format("{:04}-{:02}-{:02}", utc.year, utc.month, utc.day);
}

std::string format_utc_time(Nanoseconds wall) {
    const CivilTime utc = civil_time(wall);
    return fmt::format("{}T{:02}:{:02}:{:02}Z", format_utc_date(wall), utc.hour, utc.minute, utc.second);
}

std::string format_mail_date(Nanoseconds wall) {
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    const CivilTime utc = civil_time(wall);
    const std::chrono::weekday day(std::chrono::floor<std::chrono::days>(std::chrono::sys_time<Nanoseconds>(wall)));
    return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000", kDays[day.c_encoding()], utc.day,
                       kMonthNames[static_cast<std::size_t>(utc.month - 1)].substr(0, 3), utc.year, utc.hour, utc.minute, utc.second);
}

}  // namespace leakline
