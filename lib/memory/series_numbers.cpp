#include "memory/internal/series_numbers.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/ascii.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "memory/internal/series_text.hpp"

namespace leakline::memory {

namespace {

// Non-breaking spaces between groups: U+00A0, U+202F, U+2009.
constexpr std::array<std::string_view, 3> kNarrowBlanks = {"\xC2\xA0", "\xE2\x80\xAF", "\xE2\x80\x89"};

std::string with_plain_blanks(std::string_view text) {
    std::string plain;
    while (!text.empty()) {
        const auto blank =
            std::find_if(kNarrowBlanks.begin(), kNarrowBlanks.end(), [&](std::string_view known) { return text.starts_with(known); });
        plain += blank == kNarrowBlanks.end() ? text.front() : ' ';
        text.remove_prefix(blank == kNarrowBlanks.end() ? 1 : blank->size());
    }
    return plain;
}

// The digits of "1.234.567" without their group marks; nothing if they are not groups of three with one kind of mark.
std::optional<std::string> without_groups(std::string_view whole, char decimal) {
    const auto first_mark = std::find_if_not(whole.begin(), whole.end(), is_digit);
    if (first_mark == whole.end()) return std::string(whole);
    const char mark = *first_mark;
    if (mark == decimal || std::string_view(".,_' ").find(mark) == std::string_view::npos) return std::nullopt;
    std::string digits;
    for (const std::string_view group : split(whole, mark)) {
        const bool first = digits.empty();
        if (!std::all_of(group.begin(), group.end(), is_digit)) return std::nullopt;
        // Numbers below a thousand have no groups: "0.125" is an eighth.
        if (first ? group.empty() || group.size() > 3 || group.front() == '0' : group.size() != 3) return std::nullopt;
        digits += group;
    }
    return digits;
}

}  // namespace

std::optional<double> parse_written_number(std::string_view text, DecimalMark mark) {
    const bool marked = text.find_first_of(".,") != std::string_view::npos;
    if (marked && mark == DecimalMark::undecided) return std::nullopt;
    if (mark != DecimalMark::comma || !marked) {
        if (const auto plain = parse_number(text)) return plain;
    }
    const std::string blanks = with_plain_blanks(text);
    std::string_view rest = trim(blanks);
    std::string number;
    if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) {
        if (rest.front() == '-') number = '-';
        rest.remove_prefix(1);
    }
    const char decimal = mark == DecimalMark::comma ? ',' : '.';
    const std::size_t point = std::min(rest.find(decimal), rest.size());
    const auto whole = without_groups(rest.substr(0, point), decimal);
    if (!whole || rest.empty() || !(is_digit(rest.front()) || rest.front() == decimal)) return std::nullopt;
    number += *whole;
    if (point != rest.size()) {
        number += '.';
        number += rest.substr(point + 1);  // digits and an exponent, or parse_number refuses it
    }
    return parse_number(number);
}

MarkEvidence mark_evidence(std::string_view number) {
    if (number.find_first_of(".,") == std::string_view::npos) return MarkEvidence::none;
    const bool point = parse_written_number(number, DecimalMark::point).has_value();
    const bool comma = parse_written_number(number, DecimalMark::comma).has_value();
    if (point && comma) return MarkEvidence::unclear;
    return point ? MarkEvidence::point : comma ? MarkEvidence::comma : MarkEvidence::none;
}

WrittenSize split_size(std::string_view text) {
    text = trim(text);
    const std::size_t last = text.find_last_of("0123456789.,");
    if (last == std::string_view::npos) return {text, {}};  // "nan"
    return {text.substr(0, last + 1), trim(text.substr(last + 1))};
}

std::optional<double> bytes_in_unit(std::string_view unit) {
    struct Small {
        std::string_view name;
        double bytes;
    };
    constexpr double kGiB = 1024 * kMiB;
    static constexpr std::array kSmall = {Small{"b", 1},     Small{"k", 1024},   Small{"kb", 1024},      Small{"kib", 1024},
                                          Small{"m", kMiB},  Small{"mb", kMiB},  Small{"mib", kMiB},     Small{"g", kGiB},
                                          Small{"gb", kGiB}, Small{"gib", kGiB}, Small{"t", 1024 * kGiB}};
    for (const Small& known : kSmall)
        if (unit == known.name) return known.bytes;
    const bool word = !unit.empty() && std::string_view("0123456789. ").find(unit.front()) == std::string_view::npos;
    const auto bytes = word ? parse_size("1" + std::string(unit)) : std::nullopt;
    return bytes ? std::optional(static_cast<double>(*bytes)) : std::nullopt;
}

}  // namespace leakline::memory
