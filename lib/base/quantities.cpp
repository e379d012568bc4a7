#include "base/quantities.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>

#include "base/ascii.hpp"
#include "base/strings.hpp"

namespace leakline {

namespace {

struct UnitRow {
    std::string_view name;
    double factor;
};

// A non-negative decimal number at the start of text, which is advanced past it and the blanks behind it.
std::optional<double> take_decimal(std::string_view& text) {
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
// clang-format off
constexpr std::array kSizeUnits = std::to_array<UnitRow>({{"", 1},       {"B", 1},       {"K", kKiB},   {"KiB", kKiB},
                                                          {"Ki", kKiB},  {"M", kMiB},    {"MiB", kMiB}, {"Mi", kMiB},
                                                          {"G", kGiB},   {"GiB", kGiB},  {"Gi", kGiB},  {"T", kTiB},
                                                          {"TiB", kTiB}, {"Ti", kTiB},   {"kB", 1e3},   {"KB", 1e3},
                                                          {"MB", 1e6},   {"GB", 1e9},    {"TB", 1e12}});
// clang-format on
constexpr std::array kDurationUnits =
    std::to_array<UnitRow>({{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9}});

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

}  // namespace

std::optional<Bytes> parse_size(std::string_view text) {
    text = trim(text);
    const auto number = take_decimal(text);
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
        const auto number = take_decimal(text);
        if (!number) return std::nullopt;
        const auto length = static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_letter) - text.begin());
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
    const auto number = take_decimal(text);
    if (!number) return std::nullopt;
    if (text.empty() || text == "/s") return *number;
    if (text == "/m" || text == "/min") return *number / 60;
    if (text == "/h") return *number / 3600;
    return std::nullopt;
}

std::optional<double> parse_fraction(std::string_view text) {
    text = trim(text);
    const auto number = take_decimal(text);
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

double to_seconds(Nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

std::string format_count(std::uint64_t count) {
    std::string digits = std::to_string(count);
    for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
    return digits;
}

std::string format_signed_count(std::int64_t count) {
    const auto magnitude = static_cast<std::uint64_t>(count);
    return count < 0 ? "-" + format_count(0 - magnitude) : "+" + format_count(magnitude);
}

std::string counted(std::uint64_t count, std::string_view noun) {
    return fmt::format("{} {}{}", format_count(count), noun, count == 1 ? "" : noun.ends_with('s') ? "es" : "s");
}

std::string format_per_second(double rate) {
    if (rate < 1000 || rate > 1e15) return fmt::format("{:.4g}/s", rate);
    return format_count(static_cast<std::uint64_t>(std::llround(rate))) + "/s";
}

}  // namespace leakline
