// Text about the result and the trials of a minimization.
#include <fmt/format.h>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "report/internal/renderers.hpp"
#include "report/internal/terminal_text.hpp"

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

void add_found(TerminalText& out, const Minimized& result) {
    const auto say = [&](const std::string& text) { out.item("  ", text); };
    if (result.by_time)
        return out.item("",
                        "the leak depends on time: memory grows without requests, so no request causes it and the log cannot be reduced");
    if (result.verdict != Verdict::leak) {
        if (result.trials.empty()) return out.line("interrupted before the first run finished");
        return out.item("", fmt::format("the whole log, {}: {}: {}", kinds_text(result.log.size()), in_words(result.verdict),
                                        result.trials.back().reason));
    }
    out.item("", fmt::format("{} leaks: {}",
                             result.complete ? "the smallest part that" : "the search was not finished; the smallest part so far that",
                             result.text));
    say(fmt::format("{} of {}, {} requests", result.part.size(), kinds_text(result.log.size()), format_count(result.requests)));
    if (result.rest) say(fmt::format("without {} the log {}", result.part.size() == 1 ? "this kind" : "these kinds", rest_text(result)));
}

}  // namespace

std::string minimized_text(const Minimized& result, const RenderOptions& options) {
    TerminalText out(options);
    add_found(out, result);
    for (const std::string& note : result.notes) out.item("  ", note);
    out.heading("Kinds in the log");
    for (const Minimized::Kind& kind : result.log) out.item(fmt::format("  {:>12}  ", format_count(kind.requests)), kind.name);
    if (!result.trials.empty()) out.heading("Runs");
    int number = 0;
    for (const Minimized::Trial& trial : result.trials) {
        const std::string growth = trial.rate ? fmt::format(" ({})", leak_rate_text(*trial.rate, result.unit)) : "";
        out.item(fmt::format("  {:>3}  {:<13}  ", ++number, in_words(trial.verdict)), trial.part + growth);
        if (trial.verdict != Verdict::leak && !trial.reason.empty()) out.item("       ", trial.reason);
    }
    if (result.diagnosed == Minimized::Diagnosed::nothing) return out.take();
    out.heading(result.diagnosed == Minimized::Diagnosed::part ? "The smallest part, diagnosed again" : "The whole log, diagnosed");
    out.line();
    return out.take();
}

}  // namespace leakline::report
