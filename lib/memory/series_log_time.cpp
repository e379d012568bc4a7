#include "memory/internal/series_log_time.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "memory/internal/series_text.hpp"

namespace leakline::memory {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// "Jun  7 12:30:00" at the start of a line, as syslog and ts write it, without a year: of a leap year.
std::optional<double> parse_syslog_time(const std::vector<std::string_view>& words) {
    if (words.size() < 3 || words[0].size() != 3) return std::nullopt;
    return parse_date_words(std::string(words[0]) + " " + std::string(words[1]) + " " + std::string(words[2]) + " 2000");
}

// The number of words in front that are a date in words, "Fri Nov 20 08:00:00 UTC 2026" as date prints it, and its time.
std::optional<std::pair<std::size_t, double>> parse_leading_date(std::string_view line, const std::vector<std::string_view>& words) {
    constexpr std::size_t kFewest = 4, kMost = 8;
    for (std::size_t count = std::min(words.size() - 1, kMost); count >= kFewest; --count) {
        const std::string_view last = words[count - 1];
        const auto size = static_cast<std::size_t>(last.data() + last.size() - words[0].data());
        std::string_view text = line.substr(static_cast<std::size_t>(words[0].data() - line.data()), size);
        while (!text.empty() && (text.back() == ':' || text.back() == ',')) text.remove_suffix(1);
        if (const auto time = parse_date_words(text)) return std::pair(count, *time);
    }
    return std::nullopt;
}

// Without the characters around a time at the start of a line: "[12:30:00]", "12:30:00:".
std::string_view bare(std::string_view word) {
    while (!word.empty() && (word.front() == '[' || word.front() == '(' || word.front() == '"')) word.remove_prefix(1);
    while (!word.empty() && std::string_view("]):,;\"").find(word.back()) != std::string_view::npos) word.remove_suffix(1);
    return word;
}

// Scripts mark their times: "=== 12:30:00 ===", "# 2024-06-07T12:30:00Z", "--- Fri Jun  7 12:30:00 UTC 2024".
std::string_view undecorated(std::string_view line) {
    constexpr std::string_view kMarks = "#=-*> ";
    const std::size_t begin = line.find_first_not_of(kMarks);
    if (begin == 0 || begin == line.npos) return line;
    return line.substr(begin, line.find_last_not_of(kMarks) + 1 - begin);
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
    line = undecorated(trim(line));
    if (const auto epoch = parse_epoch(line)) {
        time_ = *epoch;
    } else if (const auto iso = parse_table_time(line)) {
        time_ = *iso;
    } else if (const auto clock = parse_clock_time(line)) {
        set_clock_time(*clock);
    } else if (const auto date = parse_date_words(line)) {
        time_ = *date;
    } else if (const auto compact = parse_compact_date(line)) {
        time_ = *compact;
    } else if (const auto slash = parse_slash_date(line, DateOrder::month_first)) {
        time_ = *slash;
    } else {
        return false;
    }
    return true;
}

void LogClock::take_prefix(std::string_view& line) {
    const std::vector<std::string_view> words = words_of(line);
    if (words.size() < 2) return;
    const auto cut = [&](std::size_t count) {
        const std::string_view last = words[count - 1];
        line.remove_prefix(static_cast<std::size_t>(last.data() + last.size() - line.data()));
    };
    const std::string first(bare(words[0])), second(bare(words[1]));
    if (const auto both = parse_table_time(first + " " + second); both && first.size() == 10) {  // date and clock
        time_ = *both;
        cut(2);
    } else if (const auto iso = parse_table_time(first)) {
        time_ = *iso;
        cut(1);
    } else if (const auto epoch = parse_epoch(first)) {
        time_ = *epoch;
        cut(1);
    } else if (second == "AM" || second == "PM") {
        if (const auto clock = parse_clock_time(first + " " + second)) {
            set_clock_time(*clock);
            cut(2);
        }
    } else if (const auto clock = parse_clock_time(first)) {
        set_clock_time(*clock);
        cut(1);
    } else if (const auto date = parse_leading_date(line, words)) {
        time_ = date->second;
        cut(date->first);
    } else if (const auto syslog = parse_syslog_time(words)) {
        time_ = *syslog;
        cut(3);
    } else if (const auto slash = parse_slash_date(first + " " + second, DateOrder::month_first)) {
        const bool half = words.size() > 2 && (words[2] == "AM" || words[2] == "PM");
        time_ = half ? parse_slash_date(first + " " + second + " " + std::string(words[2]), DateOrder::month_first) : slash;
        cut(half ? 3 : 2);
    }
}

std::optional<double> LogClock::now() const {
    if (time_) return time_;
    if (interval_s_) return *interval_s_ * static_cast<double>(tables_);
    return std::nullopt;
}

}  // namespace leakline::memory
