// Regular expressions over URLs that come from a log: PCRE2, whose syntax is Perl's.
//
// std::regex recurses once per byte of the text: a URL of 30 KB overflowed the stack. PCRE2 keeps its state on the heap
// and counts its steps, so that neither a long URL nor a pattern that backtracks exponentially stops a replay. RE2 would
// need no such limit, but has no look-ahead, which users' patterns may contain
// ("^/(?!health)").
//
// Thread-safety: one object, one thread at a time; copies share the compiled pattern, which no call changes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace leakline::replay {

class Regex {
  public:
    enum class Match {
        found,
        none,
        gave_up,  // more steps than kMaxSteps: whether there is a match is not known
    };
    static constexpr unsigned kMaxSteps = 1'000'000;  // some 10 ms

    // Throws Error{usage}, located at option, with the place of the fault.
    Regex(const std::string& option, const std::string& pattern);

    // Whether the pattern matches anywhere in text.
    Match search(std::string_view text) const;
    // Sets out to text with the first match replaced, or to text itself if there is none. In replacement $1 to $99 are the
    // groups, $& is the match, $$ a dollar sign. Precondition: check_replacement() took it.
    Match replace_first(std::string_view text, std::string_view replacement, std::string& out) const;
    // Throws Error{usage}, located at option, where replacement names a group that the pattern does not have.
    void check_replacement(const std::string& option, std::string_view replacement) const;

  private:
    struct Compiled;
    Match match(std::string_view text) const;

    std::shared_ptr<const Compiled> compiled_;
};

}  // namespace leakline::replay
