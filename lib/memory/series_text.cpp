#include "memory/series_text.hpp"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/strings.hpp"

namespace leakline::memory {

const char* parse_decimal(const char* begin, const char* end, double& value) {
    static constexpr double kPowersOfTen[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    constexpr int kExactDigits = 15;
    const char* at = begin;
    const bool negative = at != end && *at == '-';
    if (negative) ++at;
    std::uint64_t digits = 0;
    const char* const first = at;
    while (at != end && *at >= '0' && *at <= '9') digits = digits * 10 + static_cast<std::uint64_t>(*at++ - '0');
    auto count = at - first;
    std::ptrdiff_t fraction = 0;
    if (at != end && *at == '.') {
        const char* const point = at++;
        while (at != end && *at >= '0' && *at <= '9') digits = digits * 10 + static_cast<std::uint64_t>(*at++ - '0');
        fraction = at - point - 1;
        count += fraction;
    }
    if (count > 0 && count <= kExactDigits && (at == end || (*at != 'e' && *at != 'E'))) {
        const double magnitude = static_cast<double>(digits) / kPowersOfTen[fraction];
        value = negative ? -magnitude : magnitude;
        return at;
    }
    const auto [rest, error] = std::from_chars(begin, end, value);
    return error == std::errc() ? rest : nullptr;
}

std::optional<double> parse_number(std::string_view text) {
    text = trim(text);
    if (!text.empty() && text.front() == '+') text.remove_prefix(1);
    double value = 0;
    const char* end = text.data() + text.size();
    return !text.empty() && parse_decimal(text.data(), end, value) == end ? std::optional(value) : std::nullopt;
}

namespace {

// A cursor over a fixed-width text.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}

    // Exactly width digits.
    std::optional<int> number(int width) {
        if (text_.size() < static_cast<std::size_t>(width)) return std::nullopt;
        int value = 0;
        for (int i = 0; i < width; ++i) {
            const char c = text_[static_cast<std::size_t>(i)];
            if (c < '0' || c > '9') return std::nullopt;
            value = value * 10 + (c - '0');
        }
        text_.remove_prefix(static_cast<std::size_t>(width));
        return value;
    }
    bool any_of(std::string_view characters) {
        if (text_.empty() || characters.find(text_.front()) == std::string_view::npos) return false;
        text_.remove_prefix(1);
        return true;
    }
    // ".5", ",500": nothing read is 0.
    double fraction() {
        double value = 0, unit = .1;
        if (text_.empty() || (text_.front() != '.' && text_.front() != ',')) return 0;
        text_.remove_prefix(1);
        for (; !text_.empty() && text_.front() >= '0' && text_.front() <= '9'; unit /= 10, text_.remove_prefix(1))
            value += unit * (text_.front() - '0');
        return value;
    }
    std::string_view rest() const { return text_; }

  private:
    std::string_view text_;
};

// "13:05:09.25"
std::optional<double> clock_part(Scanner& scanner) {
    const auto hour = scanner.number(2);
    if (!hour || *hour > 24 || !scanner.any_of(":")) return std::nullopt;
    const auto minute = scanner.number(2);
    if (!minute || *minute > 59) return std::nullopt;
    double second = 0;
    if (scanner.any_of(":")) {
        const auto whole = scanner.number(2);
        if (!whole || *whole > 60) return std::nullopt;
        second = *whole + scanner.fraction();
    }
    return *hour * 3600.0 + *minute * 60.0 + second;
}

// "Z", "+02:00", "+0200", "-05", "UTC", "GMT" or nothing, after a blank or not, in seconds.
std::optional<double> zone_part(Scanner& scanner) {
    const bool blank = scanner.any_of(" ");
    if (scanner.rest() == "UTC" || scanner.rest() == "GMT") {
        for (int i = 0; i < 3; ++i) scanner.any_of("UTCGM");
        return 0;
    }
    if (scanner.rest().empty()) return blank ? std::nullopt : std::optional(0.);
    if (scanner.any_of("Zz")) return 0;
    const bool west = scanner.rest().front() == '-';
    if (!scanner.any_of("+-")) return std::nullopt;
    const auto hours = scanner.number(2);
    if (!hours || *hours > 23) return std::nullopt;
    int minutes = 0;
    if (!scanner.rest().empty()) {
        scanner.any_of(":");
        const auto read = scanner.number(2);
        if (!read || *read > 59) return std::nullopt;
        minutes = *read;
    }
    return (west ? -1 : 1) * (*hours * 3600.0 + minutes * 60.0);
}

}  // namespace

namespace {

// "2024-06-07", "2024/06/07" or "07.06.2024", in seconds since the epoch.
std::optional<double> date_part(Scanner& scanner) {
    const bool day_first = scanner.rest().size() > 2 && scanner.rest()[2] == '.';
    const char* between = day_first ? "." : "-/";
    const auto first = scanner.number(day_first ? 2 : 4);
    if (!first || !scanner.any_of(between)) return std::nullopt;
    const auto month = scanner.number(2);
    if (!month || !scanner.any_of(between)) return std::nullopt;
    const auto last = scanner.number(day_first ? 4 : 2);
    if (!last) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(day_first ? *last : *first), std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(day_first ? *first : *last))};
    if (!date.ok()) return std::nullopt;
    return 86400.0 * std::chrono::sys_days(date).time_since_epoch().count();
}

}  // namespace

std::optional<double> parse_iso_time(std::string_view text) {
    Scanner scanner(trim(text));
    const auto date = date_part(scanner);
    if (!date) return std::nullopt;
    const double midnight = *date;
    if (scanner.rest().empty()) return midnight;
    if (!scanner.any_of("Tt ")) return std::nullopt;
    const auto clock = clock_part(scanner);
    if (!clock) return std::nullopt;
    const auto zone = zone_part(scanner);
    if (!zone || !scanner.rest().empty()) return std::nullopt;
    return midnight + *clock - *zone;
}

namespace {

// What JavaScript puts before AM and PM: U+202F, and U+00A0.
std::string_view trim_blanks(std::string_view text) {
    text = trim(text);
    for (const std::string_view blank : {"\xE2\x80\xAF", "\xC2\xA0"})
        if (text.ends_with(blank)) text.remove_suffix(blank.size());
    return trim(text);
}

double at_midnight(std::chrono::year_month_day date) { return 86400.0 * std::chrono::sys_days(date).time_since_epoch().count(); }

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

std::optional<double> parse_clock_time(std::string_view text) {
    text = trim(text);
    double shift = 0;
    bool twelve_hours = false;
    for (const std::string_view half : {"AM", "PM", "am", "pm", "a.m.", "p.m."}) {
        if (text.size() <= half.size() || !text.ends_with(half)) continue;
        twelve_hours = true;
        if (half.front() == 'P' || half.front() == 'p') shift = 12 * 3600;
        text = trim_blanks(text.substr(0, text.size() - half.size()));
        break;
    }
    std::string padded;
    if (text.size() > 1 && text[1] == ':') {  // "1:05 PM"
        padded = "0" + std::string(text);
        text = padded;
    }
    Scanner scanner(text);
    const auto clock = clock_part(scanner);
    if (!clock || !scanner.rest().empty()) return std::nullopt;
    if (twelve_hours && *clock >= 13 * 3600) return std::nullopt;
    const double noon_is_zero = twelve_hours && *clock >= 12 * 3600 ? *clock - 12 * 3600 : *clock;
    return noon_is_zero + shift;
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
    const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(*year)), std::chrono::month(month_first ? *first : *second),
                                          std::chrono::day(month_first ? *second : *first)};
    if (!day.ok()) return std::nullopt;
    text.remove_prefix(end);
    if (!text.empty() && text.front() == ',') text.remove_prefix(1);
    text = trim(text);
    if (text.empty()) return at_midnight(day);
    for (const std::string_view zone : {" UTC", " GMT", "Z"})
        if (text.ends_with(zone)) text.remove_suffix(zone.size());
    const auto clock = parse_clock_time(text);
    return clock ? std::optional(at_midnight(day) + *clock) : std::nullopt;
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
    std::string small;
    for (const char c : word) small += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    for (const Month& month : kMonths)
        if (small.starts_with(month.start)) return month.number;
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
            if (word.size() == 4)
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
        } else if (word.size() > 12 || word.find_first_of("=%") != std::string_view::npos) {
            return std::nullopt;
        }
    }
    if (!month || !day || !year || !clock) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)), std::chrono::month(*month), std::chrono::day(*day)};
    return date.ok() ? std::optional(at_midnight(date) + *clock) : std::nullopt;
}

std::optional<double> parse_compact_date(std::string_view text) {
    text = trim(text);
    if (text.size() != 12 && text.size() != 14) return std::nullopt;
    Scanner scanner(text);
    const auto year = scanner.number(4), month = scanner.number(2), day = scanner.number(2), hour = scanner.number(2),
               minute = scanner.number(2), second = text.size() == 14 ? scanner.number(2) : std::optional(0);
    if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok() || *year < 1990 || *year > 2100 || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    return at_midnight(date) + *hour * 3600.0 + *minute * 60.0 + *second;
}

std::optional<double> parse_epoch(std::string_view text) {
    text = trim(text);
    const std::size_t digits = std::min(text.find('.'), text.size());
    if (digits != 10 && digits != 13 && digits != 16 && digits != 19) return std::nullopt;
    const auto number = parse_number(text);
    if (!number) return std::nullopt;
    const double seconds = *number / (digits == 10 ? 1 : digits == 13 ? 1e3 : digits == 16 ? 1e6 : 1e9);
    return seconds > 1e9 && seconds < 2e9 ? std::optional(seconds) : std::nullopt;
}

bool is_missing(std::string_view cell) {
    cell = trim(cell);
    if (cell.empty()) return true;
    for (const std::string_view word : {"null", "NULL", "N/A", "n/a", "NaN", "nan", "-", "--", "undefined", "None", "NA", "<unknown>"})
        if (cell == word) return true;
    return false;
}

}  // namespace leakline::memory
