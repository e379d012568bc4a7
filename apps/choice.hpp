// Checks of option values: one of a few words (each may stand for a value of an enum), a number in a range.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/ascii.hpp"
#include "base/did_you_mean.hpp"
#include "base/strings.hpp"

namespace leakline::cli {

// "must be point or comma, not 'dot'"
inline std::string not_one_of(const std::string& text, const std::vector<std::string>& words) {
    std::string list;
    for (std::size_t i = 0; i < words.size(); ++i) list += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
    return fmt::format("must be {}, not '{}'{}", list, printable(text), did_you_mean_text(text, words));
}

// For option->check(): one of these words. They are the validator's name, "a|b|c", which the completion of shells reads.
inline CLI::Validator one_of(std::vector<std::string> words) {
    std::string name = fmt::format("{}", fmt::join(words, "|"));
    return CLI::Validator(
        [words = std::move(words)](std::string& text) {
            return std::find(words.begin(), words.end(), text) != words.end() ? std::string() : not_one_of(text, words);
        },
        "", std::move(name));
}

// For option->check(): a number in [low, high]. CLI11's Range also writes the range into --help, in brackets.
template <class Number>
CLI::Validator between(Number low, Number high) {
    return CLI::Validator(
        [=](std::string& text) {
            Number value{};
            const bool read = CLI::detail::lexical_cast(text, value);
            return read && value >= low && value <= high ? std::string()
                                                         : fmt::format("must be between {} and {}, not '{}'", low, high, printable(text));
        },
        "");
}

// For option->transform(): the word, in any case, becomes the number that CLI11 reads an enum from. Its own
// CheckedTransformer takes the bare numbers for words, too, and shows them in its error. Its name is as that of one_of.
template <class Enum>
CLI::Validator choice_of(std::vector<std::pair<std::string, Enum>> choices) {
    std::string name;
    for (const auto& choice : choices) name += (name.empty() ? "" : "|") + choice.first;
    return CLI::Validator(
        [choices = std::move(choices)](std::string& text) {
            std::vector<std::string> words;
            for (const auto& [word, value] : choices) {
                if (equal_ignoring_case(word, text)) {
                    text = std::to_string(static_cast<int>(value));
                    return std::string();
                }
                words.push_back(word);
            }
            return not_one_of(text, words);
        },
        "", std::move(name));
}

}  // namespace leakline::cli
