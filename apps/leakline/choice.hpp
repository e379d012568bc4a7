// Options whose values are a few words, each of which stands for a value of an enum.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <string>
#include <utility>
#include <vector>

#include "base/text.hpp"

namespace leakline::cli {

// For option->transform(): the word, in any case, becomes the number that CLI11 reads an enum from. Its own
// CheckedTransformer takes the bare numbers for words, too, and shows them in its error.
template <class Enum>
CLI::Validator choice_of(std::vector<std::pair<std::string, Enum>> choices) {
    const auto equal = [](const std::string& a, const std::string& b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
            return std::tolower(x) == std::tolower(y);
        });
    };
    return CLI::Validator(
        [choices = std::move(choices), equal](std::string& text) {
            std::vector<std::string> words;
            for (const auto& [word, value] : choices) {
                if (equal(word, text)) {
                    text = std::to_string(static_cast<int>(value));
                    return std::string();
                }
                words.push_back(word);
            }
            return fmt::format("'{}' is none of {}{}", printable(text), fmt::join(words, ", "), did_you_mean_text(text, words));
        },
        "");
}

}  // namespace leakline::cli
