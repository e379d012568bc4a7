#include "replay/internal/identity.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/ascii.hpp"
#include "base/quantities.hpp"
#include "base/time_text.hpp"

namespace leakline::replay {

namespace {

constexpr std::size_t kLongest = 256;  // a longer value is data
constexpr std::size_t kShortestToken = 6;
constexpr std::size_t kMaxDigits = 18;  // that always fit into 63 bits
// Numbers that fill less than this share of their range are spread over all numbers of their length; others are consecutive.
constexpr double kSparse = 1e-3;
constexpr double kMinFormShare = 0.95;

bool is_uuid(std::string_view text) {
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? text[i] != '-' : !is_hex_digit(text[i])) return false;
    }
    return true;
}

bool is_time(std::string_view text) {
    return text.size() >= 19 && text[4] == '-' && text[7] == '-' && text.size() <= 40 && parse_iso_time(text).at.has_value();
}

// Calls use(begin, end) for each run of digits.
template <class Use>
void for_each_run(std::string_view text, Use use) {
    for (std::size_t i = 0; i < text.size();) {
        if (!is_digit(text[i])) {
            ++i;
            continue;
        }
        std::size_t end = i;
        while (end < text.size() && is_digit(text[end])) ++end;
        use(i, end);
        i = end;
    }
}

std::string pattern_of(std::string_view text) {
    std::string pattern;
    for (const char c : text)
        if (!is_digit(c))
            pattern += c;
        else if (pattern.empty() || pattern.back() != '#')
            pattern += '#';
    return pattern;
}

std::uint64_t number_in(std::string_view digits) {
    std::uint64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

// Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators".
std::uint64_t split_mix(std::uint64_t& state) {
    std::uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

std::uint64_t hash(std::string_view text) {
    std::uint64_t value = 14695981039346656037u;  // FNV-1a
    for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211u;
    return value;
}

std::uint64_t power_of_ten(std::size_t digits) {
    std::uint64_t value = 1;
    for (std::size_t i = 0; i < digits; ++i) value *= 10;
    return value;
}

// Seconds, milli-, micro- or nanoseconds since 1970, from 2001 to 2100.
bool is_epoch(std::uint64_t low, std::uint64_t high) {
    for (const std::uint64_t unit : {1ull, 1000ull, 1'000'000ull, 1'000'000'000ull})
        if (low >= 1'000'000'000 * unit && high <= 4'102'444'800 * unit) return true;
    return false;
}

}  // namespace

IdentityForm form_of(std::string_view text) {
    if (text.empty() || text.size() > kLongest) return IdentityForm::none;
    if (is_uuid(text)) return IdentityForm::token;
    if (is_time(text)) return IdentityForm::time;
    std::string_view body = text;
    while (body.ends_with('=')) body.remove_suffix(1);  // of base64
    // In each run of letters and digits: how often a letter follows a digit or vice versa. "req17" once, "8f3a2b" often.
    bool any_digit = false, mixed = false, long_run = false;
    int changes = 0, runs = 0;
    std::size_t digits = 0;
    char before = '-';
    for (const char c : body) {
        const bool digit = is_digit(c);
        if (!digit && !is_letter(c) && c != '-' && c != '_' && c != ':') return IdentityForm::none;
        any_digit = any_digit || digit;
        digits = digit ? digits + 1 : 0;
        runs += digits == 1 ? 1 : 0;
        long_run = long_run || digits > kMaxDigits;
        if (!digit && !is_letter(c))
            changes = 0;
        else if ((digit && is_letter(before)) || (!digit && is_digit(before)))
            ++changes;
        mixed = mixed || changes >= 2 || (changes == 1 && is_letter(c));
        before = c;
    }
    if (!any_digit || body.empty()) return IdentityForm::none;
    if (body.front() == '-') return IdentityForm::none;  // a negative number
    if (mixed || long_run) return body.size() >= kShortestToken ? IdentityForm::token : IdentityForm::none;
    // Dates, clock times and versions consist of several numbers with bounds of their own.
    if (runs > 2 || body.find(':') != body.npos) return IdentityForm::none;
    return body.size() == text.size() ? IdentityForm::number : IdentityForm::token;
}

void IdentityLearner::add(std::string_view text) {
    ++values_;
    switch (form_of(text)) {
        case IdentityForm::none: return;
        case IdentityForm::number: add_number(text); break;
        case IdentityForm::token:
            ++tokens_;
            if (is_uuid(text)) ++uuids_;
            break;
        case IdentityForm::time: {
            const std::int64_t at = parse_iso_time(text).at->count();
            first_time_ = times_ == 0 ? at : std::min(first_time_, at);
            last_time_ = times_ == 0 ? at : std::max(last_time_, at);
            ++times_;
            break;
        }
    }
    add_token(text);
}

void IdentityLearner::add_number(std::string_view text) {
    const std::string pattern = pattern_of(text);
    if (pattern_.empty()) pattern_ = pattern;
    if (pattern != pattern_) {
        ++other_numbers_;
        return;
    }
    std::size_t index = 0;
    std::uint64_t value = 0;
    for_each_run(text, [&](std::size_t begin, std::size_t end) {
        if (index == runs_.size()) runs_.emplace_back();
        Run& run = runs_[index++];
        value = number_in(text.substr(begin, end - begin));
        run.low = std::min(run.low, value);
        run.high = std::max(run.high, value);
        run.shortest = std::min(run.shortest, end - begin);
        run.longest = std::max(run.longest, end - begin);
        run.zero_padded = run.zero_padded || (end - begin > 1 && text[begin] == '0');
    });
    increasing_ = increasing_ && (numbers_ == 0 || value > last_);
    last_ = value;
    ++numbers_;
}

// The characters that all values share, and the letters and digits that occur at the other places.
void IdentityLearner::add_token(std::string_view text) {
    if (example_.empty()) {
        example_ = text;
        return;
    }
    same_length_ = same_length_ && example_.size() == text.size();
    constexpr char kDiffers = '\0';
    const auto note = [&](char c) {
        if (is_digit(c) || is_letter(c))
            alphabet_[static_cast<unsigned char>(c) / 64] |= std::uint64_t{1} << (static_cast<unsigned char>(c) % 64);
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i >= example_.size()) {
            note(text[i]);
            continue;
        }
        if (example_[i] == text[i]) continue;
        if (example_[i] != kDiffers) note(example_[i]);
        note(text[i]);
        example_[i] = kDiffers;
    }
}

IdentityForm IdentityLearner::form() const {
    const auto most = [&](std::uint64_t count) { return static_cast<double>(count) >= kMinFormShare * static_cast<double>(values_); };
    if (values_ == 0) return IdentityForm::none;
    if (most(numbers_)) return IdentityForm::number;
    if (most(times_)) return IdentityForm::time;
    // A few tokens have only digits, or digits after one letter.
    if (most(tokens_ + numbers_ + other_numbers_) && tokens_ + other_numbers_ > numbers_) return IdentityForm::token;
    return IdentityForm::none;
}

std::uint64_t IdentityLearner::spread() const {
    constexpr std::uint64_t kMost = ~std::uint64_t{0};
    if (form() != IdentityForm::number) return kMost;
    std::uint64_t most = 0;
    for (const Run& run : runs_)
        if (run.low <= run.high) most = std::max(most, run.high - run.low == kMost ? kMost : run.high - run.low + 1);
    return most;
}

Identity::Identity(const IdentityLearner& learned)
    : form_(learned.form()),
      pattern_(learned.pattern_),
      example_(learned.example_),
      same_length_(learned.same_length_),
      uuid_(learned.uuids_ > learned.values_ / 2) {
    for (std::size_t i = 0; i < learned.runs_.size(); ++i) {
        const IdentityLearner::Run& run = learned.runs_[i];
        if (run.low == run.high && i != 0) continue;
        run_ = i;
        range_ = {run.low, run.high, learned.values_, run.shortest, run.longest, run.zero_padded};
    }
    for (unsigned c = 0; c < 128; ++c)
        if ((learned.alphabet_[c / 64] >> (c % 64) & 1) != 0) alphabet_ += static_cast<char>(c);
    for (const char* const known : {"0123456789", "0123456789abcdef", "0123456789ABCDEF"})
        if (alphabet_.find_first_not_of(known) == alphabet_.npos) {
            alphabet_ = known;
            break;
        }
    constexpr std::int64_t kSecond = 1'000'000'000;
    time_span_ = (learned.last_time_ - learned.first_time_ + 2 * kSecond) / kSecond * kSecond;
    if (!same_length_) {  // only the characters before the first difference are known to be the same
        const std::size_t differs = std::min(example_.find('\0'), example_.size());
        std::fill(example_.begin() + static_cast<std::ptrdiff_t>(differs), example_.end(), '\0');
    }
}

void Identity::widen(std::string_view text) {
    if (form_ != IdentityForm::number || form_of(text) != IdentityForm::number || pattern_of(text) != pattern_) return;
    const std::string_view digits = digits_in(text);
    const std::uint64_t value = number_in(digits);
    range_.low = std::min(range_.low, value);
    range_.high = std::max(range_.high, value);
    range_.shortest = std::min(range_.shortest, digits.size());
    range_.longest = std::max(range_.longest, digits.size());
    range_.zero_padded = range_.zero_padded || (digits.size() > 1 && digits.front() == '0');
    ++range_.values;
}

bool Identity::share_range(Identity& other) {
    if (form_ == IdentityForm::time && other.form_ == IdentityForm::time) {
        if (time_span_ == other.time_span_) return false;
        time_span_ = other.time_span_ = std::max(time_span_, other.time_span_);
        return true;
    }
    if (form_ != IdentityForm::number || other.form_ != IdentityForm::number || pattern_ != other.pattern_) return false;
    Range& one = range_;
    Range& two = other.range_;
    if (one == two || one.low > two.high || two.low > one.high) return false;
    one = two = {std::min(one.low, two.low),           std::max(one.high, two.high),       std::max(one.values, two.values),
                 std::min(one.shortest, two.shortest), std::max(one.longest, two.longest), one.zero_padded && two.zero_padded};
    return true;
}

// The run of digits that differs between values, in a text of the pattern.
std::string_view Identity::digits_in(std::string_view text) const {
    std::size_t index = 0;
    std::string_view digits;
    for_each_run(text, [&](std::size_t from, std::size_t to) {
        if (index++ == run_) digits = text.substr(from, to - from);
    });
    return digits;
}

bool Identity::replace(std::string_view text, std::uint64_t generation, std::uint64_t seed, std::string& out) const {
    switch (form_) {
        case IdentityForm::none: return false;
        case IdentityForm::number: return replace_number(text, generation, out);
        case IdentityForm::token: return replace_token(text, generation, seed, out);
        case IdentityForm::time: return replace_time(text, generation, out);
    }
    return false;
}

// The range of the log's numbers repeatedly, each time after the previous one, so that no number occurs twice. If all numbers have
// one length, unused ones of that length below the range come before those that need another digit. Numbers that are sparse in
// a wide range (keys of a database, random ones) stay within those of their length instead, with steps of the golden section
// (Weyl), which coincide only by chance.
bool Identity::replace_number(std::string_view text, std::uint64_t generation, std::string& out) const {
    if (pattern_of(text) != pattern_) return false;
    const std::string_view old = digits_in(text);
    const std::size_t length = old.size();
    if (old.empty() || length > kMaxDigits) return false;
    const std::uint64_t value = number_in(old), span = range_.high - range_.low + 1, end = power_of_ten(length);
    const bool sparse = static_cast<double>(range_.values) < kSparse * static_cast<double>(span) && !is_epoch(range_.low, range_.high);
    std::uint64_t fresh = 0;
    if (sparse || __builtin_mul_overflow(span, generation, &fresh) || __builtin_add_overflow(fresh, value, &fresh) ||
        fresh >= power_of_ten(kMaxDigits)) {
        // Only a number with a leading zero gets another leading zero: 0123 is not a number in JSON.
        const bool padded = length > 1 && old.front() == '0';
        const std::uint64_t base = length == 1 || padded ? 0 : end / 10, room = (padded ? end / 10 : end) - base;
        const auto step = static_cast<std::uint64_t>(static_cast<double>(room) * 0.6180339887498949) | 1;
        __extension__ using Wide = unsigned __int128;
        const auto offset = static_cast<std::uint64_t>(static_cast<Wide>(generation) * step % room);
        fresh = base + (value - std::min(base, value) + offset) % room;
    } else if (const std::uint64_t base = length == 1 || range_.zero_padded ? 0 : end / 10;
               fresh >= end && range_.shortest == range_.longest && length == range_.longest && range_.low >= base) {
        const std::uint64_t below = range_.low - base, beyond = fresh - end;
        fresh = beyond < below ? base + beyond : end + (beyond - below);
    }
    std::string digits = std::to_string(fresh);
    if (digits.size() < length) digits.insert(0, length - digits.size(), '0');
    const auto before = static_cast<std::size_t>(old.data() - text.data());
    out.assign(text.substr(0, before)).append(digits).append(text.substr(before + length));
    return true;
}

bool Identity::replace_token(std::string_view text, std::uint64_t generation, std::uint64_t seed, std::string& out) const {
    if (form_of(text) == IdentityForm::none) return false;
    std::uint64_t state = hash(text) ^ seed * 0xd1342543de82ef95u ^ generation * 0xaf251af3b0f025b5u;
    out.assign(text);
    bool changed = false;
    // A number of more than 64 bits, or one among identifiers with letters, may be written without quotes, where a letter or a leading
    // zero would not be JSON.
    const bool number = std::all_of(text.begin(), text.end(), is_digit);
    for (std::size_t i = 0; i < out.size(); ++i) {
        char& c = out[i];
        if (!is_digit(c) && !is_letter(c)) continue;
        if (number && i == 0) continue;
        if (i < example_.size() && example_[i] != '\0') continue;  // the same in all
        if (uuid_ && (i == 14 || i == 19)) continue;               // version and variant (RFC 9562, section 4)
        c = number ? static_cast<char>('0' + split_mix(state) % 10) : alphabet_[split_mix(state) % alphabet_.size()];
        changed = true;
    }
    return changed;
}

// As written: in its own zone, with the same number of fractional digits.
bool Identity::replace_time(std::string_view text, std::uint64_t generation, std::string& out) const {
    if (!is_time(text)) return false;
    using namespace std::chrono;
    const std::string_view local = text.substr(0, 19);
    const ParsedTime at = parse_iso_time(local);
    if (!at.at) return false;
    std::int64_t shift = 0, moved = 0;
    if (__builtin_mul_overflow(time_span_, static_cast<std::int64_t>(generation), &shift) ||
        __builtin_add_overflow(at.at->count(), shift, &moved))
        return false;  // beyond the year 2262
    const Nanoseconds fresh(moved);
    const sys_days day = floor<days>(sys_time<Nanoseconds>(fresh));
    const year_month_day date(day);
    const hh_mm_ss<seconds> time(duration_cast<seconds>(fresh - Nanoseconds(day.time_since_epoch())));
    if (static_cast<int>(date.year()) > 9999) return false;
    const auto put = [&](std::size_t place, std::size_t digits, std::int64_t value) {
        for (std::size_t i = digits; i-- > 0; value /= 10) out[place + i] = static_cast<char>('0' + value % 10);
    };
    out.assign(text);
    put(0, 4, static_cast<int>(date.year()));
    put(5, 2, static_cast<unsigned>(date.month()));
    put(8, 2, static_cast<unsigned>(date.day()));
    put(11, 2, time.hours().count());
    put(14, 2, time.minutes().count());
    put(17, 2, time.seconds().count());
    return true;
}

}  // namespace leakline::replay
