#include "memory/series_log_time.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/text.hpp"
#include "memory/series_text.hpp"

namespace leakline::memory {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// "Fri Jun  7 12:30:00 UTC 2024", "Fri 07 Jun 2024 12:30:00 PM UTC": date's own forms, the zone taken as UTC.
std::optional<double> parse_date_output(std::string_view line) {
    static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::optional<unsigned> month, day;
    std::optional<int> year;
    std::optional<double> clock;
    const std::vector<std::string_view> words = words_of(line);
    if (words.size() < 5 || words.size() > 7) return std::nullopt;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view word = words[i];
        const auto named = std::find(kMonths.begin(), kMonths.end(), word.substr(0, 3));
        if (named != kMonths.end() && !month) {
            month = static_cast<unsigned>(named - kMonths.begin()) + 1;
        } else if (const auto number = parse_number(word)) {
            if (word.size() == 4) {
                year = static_cast<int>(*number);
            } else if (*number >= 1 && *number <= 31) {
                day = static_cast<unsigned>(*number);
            }
        } else if (word.find(':') != std::string_view::npos) {
            const bool half = i + 1 < words.size() && (words[i + 1] == "AM" || words[i + 1] == "PM");
            clock = parse_clock_time(half ? std::string(word) + " " + std::string(words[i + 1]) : std::string(word));
        }
    }
    if (!month || !day || !year || !clock) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month), std::chrono::day(*day)};
    if (!date.ok()) return std::nullopt;
    return 86400.0 * std::chrono::sys_days(date).time_since_epoch().count() + *clock;
}

// Seconds or milliseconds since the epoch, of our times: 10 or 13 digits before the point.
std::optional<double> parse_epoch(std::string_view word) {
    const std::size_t digits = std::min(word.find('.'), word.size());
    if (digits != 10 && digits != 13) return std::nullopt;
    const auto number = parse_number(word);
    return number && *number > 0 ? std::optional(digits == 10 ? *number : *number / 1000) : std::nullopt;
}

}  // namespace

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    std::size_t at = 0;
    while (at < line.size()) {
        while (at < line.size() && is_blank(line[at])) ++at;
        const std::size_t begin = at;
        while (at < line.size() && !is_blank(line[at])) ++at;
        if (at > begin) words.push_back(line.substr(begin, at - begin));
    }
    return words;
}

std::string without_escapes(std::string_view line) {
    std::string out;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] != '\x1b') {
            out += line[i];
            continue;
        }
        // ESC [ parameters letter
        if (i + 1 < line.size() && line[i + 1] == '[') ++i;
        while (i + 1 < line.size()) {
            const char c = line[++i];
            if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) break;
        }
    }
    return out;
}

std::optional<double> parse_elapsed(std::string_view text) {
    double days = 0;
    const std::size_t dash = text.find('-');
    if (dash != std::string_view::npos) {
        const auto read = parse_number(text.substr(0, dash));
        if (!read) return std::nullopt;
        days = *read;
        text.remove_prefix(dash + 1);
    }
    double seconds = 0;
    for (const std::string_view part : split(text, ':')) {
        const auto read = parse_number(part);
        if (!read || *read < 0) return std::nullopt;
        seconds = seconds * 60 + *read;
    }
    return days * 86400 + seconds;
}

void LogClock::set_clock_time(double since_midnight) {
    constexpr double kHalfDay = 12 * 3600, kDay = 24 * 3600;
    if (last_clock_ && since_midnight < *last_clock_ - kHalfDay) midnight_ += kDay;  // past midnight
    last_clock_ = since_midnight;
    time_ = midnight_ + since_midnight;
}

bool LogClock::take_time_line(std::string_view line) {
    line = trim(line);
    if (const auto epoch = parse_epoch(line)) {
        time_ = *epoch;
    } else if (const auto iso = parse_iso_time(line)) {
        time_ = *iso;
    } else if (const auto clock = parse_clock_time(line)) {
        set_clock_time(*clock);
    } else if (const auto date = parse_date_output(line)) {
        time_ = *date;
    } else {
        return false;
    }
    return true;
}

void LogClock::take_prefix(std::string_view& line) {
    const std::vector<std::string_view> words = words_of(line);
    const auto cut = [&](std::string_view last) {
        line.remove_prefix(static_cast<std::size_t>(last.data() + last.size() - line.data()));
    };
    const auto span = [&](std::size_t count) {
        return std::string_view(words[0].data(),
                                static_cast<std::size_t>(words[count - 1].data() + words[count - 1].size() - words[0].data()));
    };
    if (words.size() < 2) return;
    if (const auto both = parse_iso_time(span(2)); both && words[0].size() == 10) {  // date and clock
        time_ = *both;
        cut(words[1]);
    } else if (const auto iso = parse_iso_time(words[0])) {
        time_ = *iso;
        cut(words[0]);
    } else if (const auto epoch = parse_epoch(words[0])) {
        time_ = *epoch;
        cut(words[0]);
    } else if (words[1] == "AM" || words[1] == "PM") {
        if (const auto clock = parse_clock_time(span(2))) {
            set_clock_time(*clock);
            cut(words[1]);
        }
    } else if (const auto clock = parse_clock_time(words[0])) {
        set_clock_time(*clock);
        cut(words[0]);
    }
}

std::optional<double> LogClock::now() const {
    if (time_) return time_;
    if (interval_s_) return *interval_s_ * static_cast<double>(tables_);
    return std::nullopt;
}

}  // namespace leakline::memory
