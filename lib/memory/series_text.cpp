#include "memory/series_text.hpp"

#include <charconv>
#include <chrono>
#include <cstdint>

#include "base/text.hpp"

namespace leakline::memory {

const char* parse_decimal(const char* begin, const char* end, double& value) {
    static constexpr double kPowersOfTen[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                              1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
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
    const std::chrono::year_month_day date{std::chrono::year(day_first ? *last : *first),
                                           std::chrono::month(static_cast<unsigned>(*month)),
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

std::optional<double> parse_clock_time(std::string_view text) {
    text = trim(text);
    double shift = 0;
    bool twelve_hours = false;
    if (text.size() > 2 && (text.ends_with("AM") || text.ends_with("PM"))) {
        twelve_hours = true;
        if (text.ends_with("PM")) shift = 12 * 3600;
        text = trim(text.substr(0, text.size() - 2));
    }
    Scanner scanner(text);
    const auto clock = clock_part(scanner);
    if (!clock || !scanner.rest().empty()) return std::nullopt;
    if (twelve_hours && *clock >= 13 * 3600) return std::nullopt;
    const double noon_is_zero = twelve_hours && *clock >= 12 * 3600 ? *clock - 12 * 3600 : *clock;
    return noon_is_zero + shift;
}

}  // namespace leakline::memory
