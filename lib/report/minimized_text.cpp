// Text about the result and the trials of a minimization.
#include <fmt/format.h>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "report/internal/renderers.hpp"

namespace leakline::report {

namespace {

const char* in_words(Verdict verdict) {
    switch (verdict) {
        case Verdict::leak: return "leaks";
        case Verdict::no_leak: return "does not leak";
        case Verdict::inconclusive: return "inconclusive";
        case Verdict::invalid: return "invalid";
    }
    return "invalid";
}

std::string kinds_text(std::size_t kinds) { return kinds == 1 ? "1 kind of request" : fmt::format("{} kinds of requests", kinds); }

std::string rest_text(const Minimized& result) {
    if (*result.rest == Verdict::no_leak) return "does not leak";
    if (*result.rest != Verdict::leak) return "is inconclusive";
    std::string options;
    for (const Minimized::PartKind& part : result.part) options += " --without '" + printable(part.kind.name) + "'";
    return "leaks as well: there is another cause (to find it, add" + options + ")";
}

std::string found_text(const Minimized& result) {
    if (result.by_time)
        return "the leak depends on time: memory grows without requests, so no request causes it and the log cannot be reduced\n";
    if (result.verdict != Verdict::leak) {
        if (result.trials.empty()) return "interrupted before the first run finished\n";
        return fmt::format("the whole log, {}: {}: {}\n", kinds_text(result.log.size()), in_words(result.verdict),
                           result.trials.back().reason);
    }
    std::string out = fmt::format("{} leaks: {}\n  {} of {}, {} requests\n",
                                  result.complete ? "the smallest part that" : "the search was not finished; the smallest part so far that",
                                  result.text, result.part.size(), kinds_text(result.log.size()), format_count(result.requests));
    if (result.rest)
        out += fmt::format("  without {} the log {}\n", result.part.size() == 1 ? "this kind" : "these kinds", rest_text(result));
    return out;
}

}  // namespace

std::string minimized_text(const Minimized& result) {
    std::string out = found_text(result);
    for (const std::string& note : result.notes) out += "  " + note + "\n";
    out += "\nKinds in the log\n";
    for (const Minimized::Kind& kind : result.log) out += fmt::format("  {:>12}  {}\n", format_count(kind.requests), printable(kind.name));
    if (!result.trials.empty()) out += "\nRuns\n";
    int number = 0;
    for (const Minimized::Trial& trial : result.trials) {
        const std::string growth = trial.rate ? fmt::format(" ({})", leak_rate_text(*trial.rate, result.unit)) : "";
        out += fmt::format("  {:>3}  {:<13}  {}{}\n", ++number, in_words(trial.verdict), trial.part, growth);
        if (trial.verdict != Verdict::leak && !trial.reason.empty()) out += fmt::format("       {}\n", trial.reason);
    }
    if (result.diagnosed == Minimized::Diagnosed::nothing) return out;
    return out + fmt::format("\n{}\n\n", result.diagnosed == Minimized::Diagnosed::part ? "The smallest part, diagnosed again"
                                                                                        : "The whole log, diagnosed");
}

}  // namespace leakline::report
