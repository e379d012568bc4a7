#include "memory/internal/series_text.hpp"

#include <charconv>
#include <cstdint>

#include "base/ascii.hpp"
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
    while (at != end && is_digit(*at)) digits = digits * 10 + static_cast<std::uint64_t>(*at++ - '0');
    auto count = at - first;
    std::ptrdiff_t fraction = 0;
    if (at != end && *at == '.') {
        const char* const point = at++;
        while (at != end && is_digit(*at)) digits = digits * 10 + static_cast<std::uint64_t>(*at++ - '0');
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

bool is_missing(std::string_view cell) {
    cell = trim(cell);
    if (cell.empty()) return true;
    for (const std::string_view word : {"null", "NULL", "N/A", "n/a", "NaN", "nan", "-", "--", "undefined", "None", "NA", "<unknown>"})
        if (cell == word) return true;
    return false;
}

}  // namespace leakline::memory
