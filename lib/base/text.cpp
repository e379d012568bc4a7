#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/utf8.hpp"

namespace leakline {

namespace {

struct UnitRow {
    std::string_view name;
    double factor;
};

// A non-negative decimal number at the start of text, which is advanced past it and the blanks behind it.
std::optional<double> take_number(std::string_view& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (error != std::errc{} || !std::isfinite(value) || value < 0 || std::signbit(value)) return std::nullopt;
    text = trim(text.substr(static_cast<std::size_t>(end - text.data())));
    return value;
}

std::optional<double> factor_of(std::string_view unit, std::span<const UnitRow> table) {
    for (const UnitRow& row : table)
        if (row.name == unit) return row.factor;
    return std::nullopt;
}

constexpr double kKiB = 1024.0, kGiB = 1024.0 * kMiB, kTiB = 1024.0 * kGiB;
constexpr std::array kSizeUnits = std::to_array<UnitRow>({{"", 1},       {"B", 1},       {"K", kKiB},   {"KiB", kKiB},
                                                          {"Ki", kKiB},  {"M", kMiB},    {"MiB", kMiB}, {"Mi", kMiB},
                                                          {"G", kGiB},   {"GiB", kGiB},  {"Gi", kGiB},  {"T", kTiB},
                                                          {"TiB", kTiB}, {"Ti", kTiB},   {"kB", 1e3},   {"KB", 1e3},
                                                          {"MB", 1e6},   {"GB", 1e9},    {"TB", 1e12}});
constexpr std::array kDurationUnits = std::to_array<UnitRow>(
    {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9}});

// Three significant digits, without trailing zeros: 1.50 -> "1.5", 12.0 -> "12", 123.4 -> "123".
std::string three_digits(double value) {
    const double magnitude = std::fabs(value);
    std::string text = fmt::format("{:.{}f}", value, magnitude < 9.995 ? 2 : magnitude < 99.95 ? 1 : 0);
    if (text.find('.') != std::string::npos) {
        while (text.back() == '0') text.pop_back();
        if (text.back() == '.') text.pop_back();
    }
    return text;
}

// Damerau-Levenshtein with adjacent transpositions (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), row(b.size() + 1), next(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        next[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] != b[j - 1])});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                next[j] = std::min(next[j], before[j - 2] + 1);
        }
        before.swap(row);
        row.swap(next);
    }
    return row[b.size()];
}

}  // namespace

std::optional<Bytes> parse_size(std::string_view text) {
    text = trim(text);
    const auto number = take_number(text);
    const auto factor = factor_of(text, kSizeUnits);
    if (!number || !factor) return std::nullopt;
    const double bytes = std::round(*number * *factor);
    if (bytes >= 18446744073709551615.0) return std::nullopt;
    return static_cast<Bytes>(bytes);
}

std::optional<Nanoseconds> parse_duration(std::string_view text) {
    text = trim(text);
    if (text.empty()) return std::nullopt;
    double total = 0;
    bool first = true;
    while (!text.empty()) {
        const auto number = take_number(text);
        if (!number) return std::nullopt;
        const auto length = static_cast<std::size_t>(
            std::find_if(text.begin(), text.end(), [](unsigned char c) { return !std::isalpha(c); }) - text.begin());
        if (length == 0) {
            if (!first || !text.empty()) return std::nullopt;  // only a lone number may lack its unit
            total = *number * 1e9;
            break;
        }
        const auto factor = factor_of(text.substr(0, length), kDurationUnits);
        if (!factor) return std::nullopt;
        total += *number * *factor;
        text = trim(text.substr(length));
        first = false;
    }
    if (total >= 9.2e18) return std::nullopt;
    return Nanoseconds(static_cast<std::int64_t>(std::llround(total)));
}

std::optional<double> parse_rate(std::string_view text) {
    text = trim(text);
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    if (text.empty() || text == "/s") return *number;
    if (text == "/m" || text == "/min") return *number / 60;
    if (text == "/h") return *number / 3600;
    return std::nullopt;
}

std::optional<double> parse_fraction(std::string_view text) {
    text = trim(text);
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    if (text == "%") return *number / 100;
    if (text.empty()) return *number;
    return std::nullopt;
}

std::optional<Growth> parse_growth(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto bytes = parse_size(text.substr(0, slash));
    const std::string_view per = trim(text.substr(slash + 1));
    if (!bytes) return std::nullopt;
    const auto amount = static_cast<double>(*bytes);
    if (per == "request" || per == "req" || per == "requests") return Growth{amount, Growth::Per::request};
    if (per == "h" || per == "hour") return Growth{amount, Growth::Per::hour};
    if (per == "s") return Growth{amount * 3600, Growth::Per::hour};
    if (per == "m" || per == "min") return Growth{amount * 60, Growth::Per::hour};
    if (per == "d" || per == "day") return Growth{amount / 24, Growth::Per::hour};
    return std::nullopt;
}

std::string format_bytes(double bytes) {
    static constexpr std::array<std::string_view, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (!std::isfinite(bytes)) return std::isnan(bytes) ? "unknown" : bytes > 0 ? "inf" : "-inf";
    if (std::fabs(bytes) < 0.005) bytes = 0;  // what would be shown as 0 or -0
    std::size_t unit = 0;
    while (std::fabs(bytes) >= 1023.5 && unit + 1 < kUnits.size()) {
        bytes /= 1024;
        ++unit;
    }
    if (unit == 0 && bytes == std::floor(bytes)) return fmt::format("{:.0f} B", bytes);
    return fmt::format("{} {}", three_digits(bytes), kUnits[unit]);
}

std::string format_signed_bytes(double bytes) { return (bytes >= 0 ? "+" : "") + format_bytes(bytes); }

std::string format_duration(Nanoseconds duration) {
    if (duration < Nanoseconds(0)) return "-" + format_duration(-duration);
    const auto count = static_cast<double>(duration.count());
    if (count < 1e3) return fmt::format("{:.0f}ns", count);
    if (count < 1e6) return three_digits(count / 1e3) + "us";
    if (count < 1e9) return three_digits(count / 1e6) + "ms";
    if (count < 59.95e9) return three_digits(count / 1e9) + "s";
    const auto total = static_cast<std::int64_t>(std::llround(count / 1e9));
    const auto with_rest = [](std::int64_t whole, char unit, std::int64_t rest, char rest_unit) {
        return rest == 0 ? fmt::format("{}{}", whole, unit) : fmt::format("{}{}{}{}", whole, unit, rest, rest_unit);
    };
    if (total < 3600) return with_rest(total / 60, 'm', total % 60, 's');
    const std::int64_t minutes = (total + 30) / 60;
    if (minutes < 48 * 60) return with_rest(minutes / 60, 'h', minutes % 60, 'm');
    const std::int64_t hours = (total + 1800) / 3600;
    return with_rest(hours / 24, 'd', hours % 24, 'h');
}

double to_seconds(Nanoseconds duration) {
    return std::chrono::duration<double>(duration).count();
}

std::string format_count(std::uint64_t count) {
    std::string digits = std::to_string(count);
    for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
    return digits;
}

std::string format_per_second(double rate) {
    if (rate < 1000 || rate > 1e15) return fmt::format("{:.4g}/s", rate);
    return format_count(static_cast<std::uint64_t>(std::llround(rate))) + "/s";
}

std::optional<std::string> did_you_mean(std::string_view word, std::span<const std::string> candidates) {
    // A third of the word may be wrong, and never more than three letters: beyond that a guess is noise.
    const std::size_t allowed = std::min<std::size_t>(3, std::max<std::size_t>(1, word.size() / 3));
    std::optional<std::string> best;
    std::size_t best_distance = allowed + 1;
    for (const std::string& candidate : candidates) {
        const std::size_t distance = edit_distance(word, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

std::string did_you_mean_text(std::string_view word, std::span<const std::string> candidates) {
    const auto meant = did_you_mean(word, candidates);
    return meant ? fmt::format("; did you mean '{}'?", *meant) : std::string();
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> out;
    for (;;) {
        const std::size_t at = text.find(separator);
        out.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return out;
        text.remove_prefix(at + 1);
    }
}

std::string_view file_name(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos || slash + 1 == path.size() ? path : path.substr(slash + 1);
}

std::string_view trim(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    return text;
}

namespace {

// How many bytes the character at text's begin takes where a terminal obeys it instead of showing it; else 0.
std::size_t control_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    if (byte(0) < 0x20 || byte(0) == 0x7f) return 1;
    if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) <= 0x9f) return 2;  // U+0080 to U+009F, among them another ESC [
    // U+202A to U+202E and U+2066 to U+2069 turn the order of what follows around, so that a name reads as another one.
    if (byte(0) == 0xe2 && byte(1) == 0x80 && byte(2) >= 0xaa && byte(2) <= 0xae) return 3;
    if (byte(0) == 0xe2 && byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9) return 3;
    return 0;
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t character = utf8_length(text);
        const std::size_t hidden = character == 0 ? 1 : control_length(text);
        for (const char c : text.substr(0, hidden)) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        if (hidden == 0) out += text.substr(0, character);
        text.remove_prefix(hidden == 0 ? character : hidden);
    }
    return out;
}

}  // namespace leakline
