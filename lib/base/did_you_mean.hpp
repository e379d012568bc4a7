// "Did you mean": the known word nearest to a mistyped one. Pure functions, safe from any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace leakline {

// The candidate nearest to word by Damerau-Levenshtein distance, if near enough to be what was meant.
std::optional<std::string> did_you_mean(std::string_view word, std::span<const std::string> candidates);
// "; did you mean 'html'?" or "".
std::string did_you_mean_text(std::string_view word, std::span<const std::string> candidates);

}  // namespace leakline
