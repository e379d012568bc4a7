#define PCRE2_CODE_UNIT_WIDTH 8
#include "replay/internal/regex.hpp"

#include <pcre2.h>

#include <array>
#include <cstdint>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"

namespace leakline::replay {

namespace {

constexpr std::uint32_t kMaxHeapKiB = 64 * 1024;  // for backtracking positions

std::string text_of_error(int code) {
    std::array<unsigned char, 256> buffer{};
    ::pcre2_get_error_message(code, buffer.data(), buffer.size());
    return reinterpret_cast<const char*>(buffer.data());
}

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

// Calls on_text(literal) and on_group(number) for the parts of a replacement; group 0 is the whole match.
template <class OnText, class OnGroup>
void for_each_part(std::string_view replacement, std::uint32_t groups, OnText on_text, OnGroup on_group) {
    while (!replacement.empty()) {
        const std::size_t dollar = replacement.find('$');
        on_text(replacement.substr(0, dollar));
        if (dollar == replacement.npos) return;
        replacement.remove_prefix(dollar + 1);
        const char next = replacement.empty() ? '\0' : replacement.front();
        if (next == '$' || next == '&') {
            if (next == '$')
                on_text("$");
            else
                on_group(0U);
            replacement.remove_prefix(1);
        } else if (is_digit(next)) {
            // Two digits if there are that many groups, as in ECMAScript: $10 is $1 and a 0 if there is one group.
            std::uint32_t number = static_cast<std::uint32_t>(next - '0');
            replacement.remove_prefix(1);
            if (!replacement.empty() && is_digit(replacement.front())) {
                const std::uint32_t longer = number * 10 + static_cast<std::uint32_t>(replacement.front() - '0');
                if (longer >= 1 && longer <= groups) {
                    number = longer;
                    replacement.remove_prefix(1);
                }
            }
            on_group(number);
        } else {
            on_text("$");
        }
    }
}

}  // namespace

struct Regex::Compiled {
    pcre2_code* code = nullptr;
    pcre2_match_data* match = nullptr;
    pcre2_match_context* limits = nullptr;
    std::uint32_t groups = 0;

    Compiled() = default;
    Compiled(const Compiled&) = delete;
    Compiled& operator=(const Compiled&) = delete;
    ~Compiled() {
        ::pcre2_match_context_free(limits);
        ::pcre2_match_data_free(match);
        ::pcre2_code_free(code);
    }
};

Regex::Regex(const std::string& option, const std::string& pattern) {
    auto compiled = std::make_shared<Compiled>();
    int error = 0;
    PCRE2_SIZE offset = 0;
    compiled->code =
        ::pcre2_compile(units(pattern), pattern.size(), PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr);
    if (compiled->code == nullptr)
        throw Error(ErrorKind::usage, option,
                    "'" + printable(pattern) + "' is not a regular expression: " + text_of_error(error) + " at character " +
                        std::to_string(offset + 1),
                    "the syntax is Perl's (PCRE2)");
    ::pcre2_jit_compile(compiled->code, PCRE2_JIT_COMPLETE);  // if the system allows it; otherwise it is interpreted
    compiled->match = ::pcre2_match_data_create_from_pattern(compiled->code, nullptr);
    compiled->limits = ::pcre2_match_context_create(nullptr);
    if (compiled->match == nullptr || compiled->limits == nullptr) throw std::bad_alloc();
    ::pcre2_set_match_limit(compiled->limits, kMaxSteps);
    ::pcre2_set_heap_limit(compiled->limits, kMaxHeapKiB);
    ::pcre2_pattern_info(compiled->code, PCRE2_INFO_CAPTURECOUNT, &compiled->groups);
    compiled_ = std::move(compiled);
}

Regex::Match Regex::match(std::string_view text) const {
    const Compiled& re = *compiled_;
    int result = ::pcre2_match(re.code, units(text), text.size(), 0, 0, re.match, re.limits);
    // The compiled code has a stack of 32 KiB; the interpreter has the heap, up to the limit.
    if (result == PCRE2_ERROR_JIT_STACKLIMIT)
        result = ::pcre2_match(re.code, units(text), text.size(), 0, PCRE2_NO_JIT, re.match, re.limits);
    if (result >= 0) return Match::found;
    return result == PCRE2_ERROR_NOMATCH ? Match::none : Match::gave_up;
}

Regex::Match Regex::search(std::string_view text) const { return match(text); }

Regex::Match Regex::replace_first(std::string_view text, std::string_view replacement, std::string& out) const {
    const Match result = match(text);
    if (result != Match::found) {
        out = text;
        return result;
    }
    const PCRE2_SIZE* const place = ::pcre2_get_ovector_pointer(compiled_->match);
    out.clear();
    if (place[0] > place[1]) return out = text, Match::none;  // \K in a look-ahead can put the end before the start
    out = text.substr(0, place[0]);
    for_each_part(
        replacement, compiled_->groups, [&](std::string_view literal) { out += literal; },
        [&](std::uint32_t group) {
            const PCRE2_SIZE begin = place[2 * group], end = place[2 * group + 1];
            if (begin != PCRE2_UNSET && begin <= end) out += text.substr(begin, end - begin);
        });
    out += text.substr(place[1]);
    return result;
}

void Regex::check_replacement(const std::string& option, std::string_view replacement) const {
    for_each_part(
        replacement, compiled_->groups, [](std::string_view) {},
        [&](std::uint32_t group) {
            if (group <= compiled_->groups) return;
            throw Error(ErrorKind::usage, option,
                        "'" + printable(replacement) + "' names group " + std::to_string(group) + ", and the pattern has " +
                            (compiled_->groups == 0 ? std::string("none") : std::to_string(compiled_->groups)),
                        "write $$ for a dollar sign");
        });
}

}  // namespace leakline::replay
