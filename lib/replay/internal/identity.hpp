// Recognizes the form of values that identify requests, and generates unused values of the same form.
//
// Three forms: a number, alone or with text around it ("17", "req-000017"); a token ("8f3a2b...", a UUID, a ULID); a date
// and time. The new value has the old one's length and alphabet; a number gets another digit once all numbers of its
// length are used up (zeros in front count as digits, where the log has them). Equal values get equal new values everywhere.
//
// Thread-safety: const functions from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leakline::replay {

enum class IdentityForm { none, number, token, time };

IdentityForm form_of(std::string_view text);

// Learned from the values of one field, one after the other.
class IdentityLearner {
  public:
    void add(std::string_view text);
    std::uint64_t values() const { return values_; }
    // The form that at least 95 % of the values have.
    IdentityForm form() const;
    bool increasing() const { return increasing_ && values_ > 1; }  // each number larger than the one before
    bool bare_number() const { return pattern_ == "#"; }
    const std::string& pattern() const { return pattern_; }
    // From the smallest number to the largest; of tokens and times: the largest value.
    std::uint64_t spread() const;

  private:
    friend class Identity;
    void add_number(std::string_view text);
    void add_token(std::string_view text);
    std::uint64_t values_ = 0, numbers_ = 0, tokens_ = 0, times_ = 0, uuids_ = 0;
    std::uint64_t other_numbers_ = 0;  // of another pattern: tokens that happen to look like numbers
    std::string pattern_;              // of the first number
    struct Run {
        std::uint64_t low = ~std::uint64_t{0}, high = 0;
        std::size_t shortest = ~std::size_t{0}, longest = 0;  // digits
        bool zero_padded = false;
    };
    std::vector<Run> runs_;   // of digits, of the numbers with that pattern
    std::uint64_t last_ = 0;  // the last run of the number before
    bool increasing_ = true;
    std::int64_t first_time_ = 0, last_time_ = 0;  // ns, smallest and largest
    std::string example_;                          // of tokens: characters that are the same in all
    bool same_length_ = true;
    std::uint64_t alphabet_[2] = {0, 0};  // letters and digits seen where tokens differ
};

// Replaces the values of one field.
class Identity {
  public:
    explicit Identity(const IdentityLearner& learned);

    IdentityForm form() const { return form_; }
    // A further value of the field: extends the range of its numbers.
    void widen(std::string_view text);
    // Fields with the same pattern and overlapping ranges share one range, so that a value in both becomes the same. True where
    // one of them has changed.
    bool share_range(Identity& other);
    // Sets out to the value of generation `generation` (from 1) for text. Does nothing if text does not look like the others.
    // True if out was set.
    bool replace(std::string_view text, std::uint64_t generation, std::uint64_t seed, std::string& out) const;

  private:
    std::string_view digits_in(std::string_view text) const;
    bool replace_number(std::string_view text, std::uint64_t generation, std::string& out) const;
    bool replace_token(std::string_view text, std::uint64_t generation, std::uint64_t seed, std::string& out) const;
    bool replace_time(std::string_view text, std::uint64_t generation, std::string& out) const;

    IdentityForm form_ = IdentityForm::none;
    std::string pattern_, example_, alphabet_;
    std::size_t run_ = 0;
    struct Range {
        std::uint64_t low = 0, high = 0, values = 0;
        std::size_t shortest = 0, longest = 0;  // digits
        bool zero_padded = false;               // of two fields that share it: both
        bool operator==(const Range&) const = default;
    };
    Range range_;
    std::int64_t time_span_ = 0;
    bool same_length_ = false, uuid_ = false;
};

}  // namespace leakline::replay
