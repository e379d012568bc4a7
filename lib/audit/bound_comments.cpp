#include "audit/internal/bound_comments.hpp"

#include <cctype>

#include "base/strings.hpp"

namespace leakline::audit {

void add_bound_comments(UnitFacts& facts, Names& names, const std::string& path, std::string_view text, std::string_view marker) {
    constexpr std::string_view kBegin = "leakline:", kWords = "bounded by ";
    std::uint32_t number = 0;
    for (std::string_view line : split(text, '\n')) {
        ++number;
        const std::size_t at = line.find(kBegin);
        if (at == line.npos) continue;
        const std::string_view before = trim(line.substr(0, at));
        if (!before.ends_with(marker) && !before.ends_with("/*")) continue;
        std::string_view rest = trim(line.substr(at + kBegin.size()));
        if (rest.ends_with("*/")) rest = trim(rest.substr(0, rest.size() - 2));
        Bound bound;
        bound.text = names(std::string(rest));
        bound.at = {names(path), number};
        if (rest.starts_with(kWords)) {
            rest.remove_prefix(kWords.size());
            rest = trim(rest);
            // The bound is one word; what follows is the reason.
            const std::size_t end = rest.find_first_of(" ,:;");
            const std::string_view reason = end == rest.npos ? std::string_view() : trim(rest.substr(end + 1));
            bound.valid =
                end != 0 && !rest.empty() && reason.find_first_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != reason.npos;
        }
        facts.bounds.push_back(bound);
    }
}

}  // namespace leakline::audit
