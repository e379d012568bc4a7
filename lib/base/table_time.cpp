// The forms of parse_table_time() and those after it. See time_text.hpp.
#include <algorithm>
#include <vector>

#include "base/ascii.hpp"
#include "base/internal/civil_time.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"

namespace leakline {

namespace {

// Whole seconds and their fraction apart: a double holds the sum to 0.2 us, but not so many nanoseconds.
double to_double_seconds(Nanoseconds since_epoch) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    return static_cast<double>(since_epoch.count() / kSecond) + static_cast<double>(since_epoch.count() % kSecond) / 1e9;
}

std::optional<double> seconds_of(const CivilTime& civil) {
    const auto at = since_epoch(civil);
    return at ? std::optional(to_double_seconds(*at)) : std::nullopt;
}

std::optional<double> midnight_of(unsigned year, unsigned month, unsigned day) {
    CivilTime civil;
    civil.year = static_cast<int>(year);
    civil.month = static_cast<int>(month);
    civil.day = static_cast<int>(day);
    return seconds_of(civil);
}

// "2024-06-07", "2024/06/07" or "07.06.2024".
bool take_date(std::string_view& text, CivilTime& civil) {
    const bool day_first = text.size() > 2 && text[2] == '.';
    const char* between = day_first ? "." : "-/";
    const auto first = take_number(text, day_first ? 2 : 4);
    if (!first || !take_any(text, between)) return false;
    const auto month = take_number(text, 2);
    if (!month || !take_any(text, between)) return false;
    const auto last = take_number(text, day_first ? 4 : 2);
    if (!last) return false;
    civil.year = day_first ? *last : *first;
    civil.month = *month;
    civil.day = day_first ? *first : *last;
    return true;
}

// What JavaScript puts before AM and PM: U+202F, and U+00A0.
std::string_view trim_blanks(std::string_view text) {
    text = trim(text);
    for (const std::string_view blank : {"\xE2\x80\xAF", "\xC2\xA0"})
        if (text.ends_with(blank)) text.remove_suffix(blank.size());
    return trim(text);
}

// "6", "07", "2024": all digits, at most four.
std::optional<unsigned> small_number(std::string_view text) {
    if (text.empty() || text.size() > 4) return std::nullopt;
    unsigned value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return value;
}

}  // namespace

std::optional<double> parse_table_time(std::string_view text) {
    text = trim(text);
    CivilTime civil;
    if (!take_date(text, civil)) return std::nullopt;
    if (!text.empty() && (!take_any(text, "Tt ") || !take_clock(text, civil) || !take_zone(text, civil) || !text.empty()))
        return std::nullopt;
    return seconds_of(civil);
}

std::optional<double> parse_clock_time(std::string_view text) {
    constexpr double kHalfDay = 12 * 3600;
    text = trim(text);
    double shift = 0;
    bool twelve_hours = false;
    for (const std::string_view half : {"AM", "PM", "am", "pm", "a.m.", "p.m."}) {
        if (text.size() <= half.size() || !text.ends_with(half)) continue;
        twelve_hours = true;
        if (to_lower(half.front()) == 'p') shift = kHalfDay;
        text = trim_blanks(text.substr(0, text.size() - half.size()));
        break;
    }
    std::string padded;
    if (text.size() > 1 && text[1] == ':') {  // "1:05 PM"
        padded = "0" + std::string(text);
        text = padded;
    }
    CivilTime civil;
    if (!take_clock(text, civil) || !text.empty()) return std::nullopt;
    const auto clock = seconds_of(civil);  // on the first day of the epoch
    if (!clock || (twelve_hours && civil.hour > 12)) return std::nullopt;
    return *clock - (twelve_hours && civil.hour == 12 ? kHalfDay : 0) + shift;
}

std::optional<double> parse_slash_date(std::string_view text, DateOrder order) {
    text = trim(text);
    const std::size_t end = std::min(text.find_first_of(" ,T"), text.size());
    const std::string_view date = text.substr(0, end);
    const char mark = date.find('/') != std::string_view::npos ? '/' : '-';
    const std::vector<std::string_view> parts = split(date, mark);
    if (parts.size() != 3 || parts[0].size() > 2 || parts[1].size() > 2 || (parts[2].size() != 2 && parts[2].size() != 4))
        return std::nullopt;
    const auto first = small_number(parts[0]), second = small_number(parts[1]);
    auto year = small_number(parts[2]);
    if (!first || !second || !year) return std::nullopt;
    if (parts[2].size() == 2) *year += 2000;
    const bool month_first = order == DateOrder::month_first;
    const auto midnight = midnight_of(*year, month_first ? *first : *second, month_first ? *second : *first);
    if (!midnight) return std::nullopt;
    text.remove_prefix(end);
    if (!text.empty() && text.front() == ',') text.remove_prefix(1);
    text = trim(text);
    if (text.empty()) return midnight;
    for (const std::string_view zone : {" UTC", " GMT", "Z"})
        if (text.ends_with(zone)) text.remove_suffix(zone.size());
    const auto clock = parse_clock_time(text);
    return clock ? std::optional(*midnight + *clock) : std::nullopt;
}

namespace {

// 1 to 12 by a month's first letters, 0 for another word. English, then German, French and Spanish where they differ.
unsigned month_of(std::string_view word) {
    struct Month {
        std::string_view start;
        unsigned number;
    };
    static constexpr Month kMonths[] = {{"jan", 1},
                                        {"feb", 2},
                                        {"mar", 3},
                                        {"apr", 4},
                                        {"may", 5},
                                        {"jun", 6},
                                        {"jul", 7},
                                        {"aug", 8},
                                        {"sep", 9},
                                        {"oct", 10},
                                        {"nov", 11},
                                        {"dec", 12},
                                        {"m\xC3\xA4r", 3},
                                        {"mai", 5},
                                        {"okt", 10},
                                        {"dez", 12},
                                        {"f\xC3\xA9v", 2},
                                        {"avr", 4},
                                        {"juin", 6},
                                        {"juil", 7},
                                        {"ao\xC3\xBB", 8},
                                        {"d\xC3\xA9"
                                         "c",
                                         12},
                                        {"ene", 1},
                                        {"abr", 4},
                                        {"ago", 8},
                                        {"dic", 12}};
    const std::string lower = to_lower(word);
    for (const Month& month : kMonths)
        if (lower.starts_with(month.start)) return month.number;
    return 0;
}

}  // namespace

std::optional<double> parse_date_words(std::string_view text) {
    // Looked at for every cell and line of a log: leave early where it cannot be one.
    if (text.size() < 14 || text.size() > 60 || text.find(':') == std::string_view::npos) return std::nullopt;
    std::string plain(text);
    for (std::size_t i = 0; i < plain.size(); ++i) {
        if (std::string_view(",@/[]\"\t\r").find(plain[i]) != std::string_view::npos) plain[i] = ' ';
        // "07/Jun/2024:12:30:00"
        if (plain[i] == ':' && i >= 4 && i + 3 < plain.size() && small_number(std::string_view(plain).substr(i - 4, 4)) &&
            plain[i + 3] == ':')
            plain[i] = ' ';
    }
    std::optional<unsigned> month, day, year;
    std::optional<double> clock;
    std::vector<std::string_view> words;
    for (const std::string_view word : split(plain, ' '))
        if (!word.empty()) words.push_back(word);
    if (words.size() < 4 || words.size() > 8) return std::nullopt;
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string_view word = words[i];
        if (word.ends_with('.')) word.remove_suffix(1);  // "7."
        if (const auto number = small_number(word)) {
            if (word.size() == 4 && !year)
                year = number;
            else if (*number >= 1 && *number <= 31 && !day)
                day = number;
            else
                return std::nullopt;
        } else if (word.find(':') != std::string_view::npos) {
            if (clock) return std::nullopt;
            const bool half = i + 1 < words.size() && (words[i + 1] == "AM" || words[i + 1] == "PM");
            clock = parse_clock_time(half ? std::string(word) + " " + std::string(words[i + 1]) : std::string(word));
            if (!clock) return std::nullopt;
        } else if (const unsigned named = month_of(word); named != 0 && (!month || i == 1 || i == 2)) {
            month = named;  // the second of two: "mar. 07 juin" is a Tuesday
        } else if (word.size() > 12 || is_digit(word.front()) || word.find_first_of("=%") != std::string_view::npos) {
            return std::nullopt;
        }
    }
    if (!month || !day || !year || !clock) return std::nullopt;
    const auto midnight = midnight_of(*year, *month, *day);
    return midnight ? std::optional(*midnight + *clock) : std::nullopt;
}

std::optional<double> parse_compact_date(std::string_view text) {
    text = trim(text);
    if (text.size() != 12 && text.size() != 14) return std::nullopt;
    const bool has_seconds = text.size() == 14;
    const auto year = take_number(text, 4), month = take_number(text, 2), day = take_number(text, 2), hour = take_number(text, 2),
               minute = take_number(text, 2), second = has_seconds ? take_number(text, 2) : std::optional(0);
    if (!year || !month || !day || !hour || !minute || !second || *year < 1990 || *year > 2100) return std::nullopt;
    return seconds_of({*year, *month, *day, *hour, *minute, *second});
}

std::optional<double> parse_epoch(std::string_view text) {
    text = trim(text);
    if (text.size() < 10 || !is_digit(text.front())) return std::nullopt;  // most cells: without a reason to make
    const auto at = parse_unix_time(text).at;
    if (!at) return std::nullopt;
    const double seconds = to_double_seconds(*at);
    return seconds > 1e9 && seconds < 2e9 ? std::optional(seconds) : std::nullopt;
}

}  // namespace leakline
