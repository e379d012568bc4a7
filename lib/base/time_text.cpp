#include "base/time_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>

#include "base/ascii.hpp"
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

constexpr std::array<std::string_view, 7> kDayNames = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

bool begins_with_weekday(std::string_view text) {
    return std::any_of(kDayNames.begin(), kDayNames.end(), [&](std::string_view name) { return text.starts_with(name); });
}

// "2024-06-07", with this mark between the numbers.
bool take_year_month_day(std::string_view& text, std::string_view mark, CivilTime& civil) {
    const auto year = take_number(text, 4);
    if (!year || !take_any(text, mark)) return false;
    const auto month = take_number(text, 2);
    if (!month || !take_any(text, mark)) return false;
    const auto day = take_number(text, 2);
    if (!day) return false;
    civil.year = *year;
    civil.month = *month;
    civil.day = *day;
    return true;
}

// A day of the month with one digit or two, after a blank or two.
bool take_day(std::string_view& text, CivilTime& civil) {
    if (!take_any(text, " ")) return false;
    take_any(text, " ");
    const std::string_view digits = take_digits(text);
    std::from_chars(digits.data(), digits.data() + digits.size(), civil.day);
    return !digits.empty() && digits.size() <= 2;
}

// How many bytes at the start of text are the fraction and zone of a time.
std::size_t size_of_rest(std::string_view text) {
    std::size_t end = 0;
    if (text.size() > 1 && (text[0] == '.' || text[0] == ',') && is_digit(text[1]))
        for (end = 1; end < text.size() && is_digit(text[end]);) ++end;
    const std::size_t blank = end < text.size() && text[end] == ' ' ? 1 : 0;
    for (const std::string_view zone : {"+dd:dd", "-dd:dd", "+dddd", "-dddd", "UTC", "GMT"})
        if (has_form(text, zone, end + blank)) return end + blank + zone.size();
    return end < text.size() && text[end] == 'Z' ? end + 1 : end;
}

// The length of the date and time of day at `at`, without fraction and zone; 0 if there is none.
std::size_t size_of_time(std::string_view line, std::size_t at) {
    for (const std::string_view form :
         {"dddd-dd-ddTdd:dd:dd", "dddd-dd-dd dd:dd:dd", "dddd/dd/dd dd:dd:dd", "dddd/dd/dd - dd:dd:dd", "dd/aaa/dddd:dd:dd:dd",
          "dd/aaa/dddd dd:dd:dd", "dddddd dd:dd:dd", "aaa aaa _d dd:dd:dd dddd", "aaa, dd aaa dddd dd:dd:dd"})
        if (has_form(line, form, at)) return form.size();
    return 0;
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
    if (!take_year_month_day(text, "-", civil) || !take_any(text, "Tt ")) return bad(whole, std::string("expected ") + kForm);
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

ParsedTime parse_slash_time(std::string_view whole) {
    constexpr const char* kForm = "YYYY/MM/DD HH:MM:SS";
    std::string_view text = whole;
    CivilTime civil;
    if (!take_year_month_day(text, "/", civil) || !take_any(text, " ")) return bad(whole, std::string("expected ") + kForm);
    if (text.starts_with("- ")) text.remove_prefix(2);
    return finish(whole, text, civil, kForm);
}

ParsedTime parse_short_time(std::string_view whole) {
    constexpr const char* kForm = "YYMMDD HH:MM:SS";
    std::string_view text = whole;
    CivilTime civil;
    const auto year = take_number(text, 2), month = take_number(text, 2), day = take_number(text, 2);
    if (!year || !month || !day || !take_any(text, " ")) return bad(whole, std::string("expected ") + kForm);
    civil.year = 2000 + *year;
    civil.month = *month;
    civil.day = *day;
    return finish(whole, text, civil, kForm);
}

ParsedTime parse_any_time(std::string_view text) {
    if (text.size() > 4 && text[4] == '-') return parse_iso_time(text);
    if (text.size() > 4 && text[4] == '/') return parse_slash_time(text);
    if (text.size() > 2 && text[2] == '/') return parse_common_time(text);
    if (begins_with_weekday(text)) {
        const auto seconds = parse_date_words(text);
        if (!seconds) return bad(text, "expected Day, DD Mon YYYY HH:MM:SS GMT, or Day Mon DD HH:MM:SS YYYY");
        return {Nanoseconds(std::chrono::seconds(static_cast<std::int64_t>(*seconds))), {}};
    }
    if (text.size() > 3 && text[3] == ' ') return parse_kibana_time(text);
    if (text.size() > 6 && text[6] == ' ') return parse_short_time(text);
    return parse_unix_time(text);
}

ParsedTime parse_syslog_time(std::string_view whole, Nanoseconds latest) {
    constexpr const char* kForm = "Mon DD HH:MM:SS";
    std::string_view text = whole;
    CivilTime civil;
    civil.month = take_month(text);
    if (civil.month == 0) return bad(whole, "no such month");
    if (!take_day(text, civil) || !take_any(text, " ")) return bad(whole, std::string("expected ") + kForm);
    constexpr int kLeapYears = 8;  // between two 29th of February, at most
    ParsedTime time;
    civil.year = civil_time(latest).year;
    for (int back = 0; back <= kLeapYears; ++back, --civil.year) {
        time = finish(whole, text, civil, kForm);
        if (time.at && *time.at <= latest) break;
    }
    return time;
}

std::string_view find_time(std::string_view line) {
    constexpr std::size_t kShortest = 15;
    for (std::size_t at = 0; at + kShortest <= line.size(); ++at) {
        const char first = line[at];
        const bool may_begin = is_digit(first) ? line[at + 2] == '/' || line[at + 4] == '-' || line[at + 4] == '/' || line[at + 6] == ' '
                                               : is_upper(first) && (line[at + 3] == ' ' || line[at + 3] == ',');
        // A longer number or word is not the beginning of a time.
        if (!may_begin || (at > 0 && (is_digit(line[at - 1]) || is_letter(line[at - 1])))) continue;
        const std::size_t size = size_of_time(line, at);
        if (size == 0) continue;
        const std::string_view found = line.substr(at, size + size_of_rest(line.substr(at + size)));
        if (parse_any_time(found).at) return found;
    }
    return {};
}

bool is_in_whole_seconds(std::string_view stamp) {
    constexpr std::size_t kUnixSeconds = 10;  // digits
    const std::size_t clock = stamp.find(':');
    if (clock == stamp.npos) return stamp.size() <= kUnixSeconds && stamp.find('.') == stamp.npos;
    return stamp.find_first_of(".,", clock) == stamp.npos;
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
    const CivilTime utc = civil_time(wall);
    const std::chrono::weekday day(std::chrono::floor<std::chrono::days>(std::chrono::sys_time<Nanoseconds>(wall)));
    return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000", kDayNames[day.c_encoding()], utc.day,
                       kMonthNames[static_cast<std::size_t>(utc.month - 1)].substr(0, 3), utc.year, utc.hour, utc.minute, utc.second);
}

}  // namespace leakline
