#include "model/audit.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/words.hpp"

namespace leakline {

namespace {

std::string growth_words(const AuditFinding& finding) {
    if (finding.growth.empty()) return "grows";
    const AuditFinding::Site& first = finding.growth.front();
    std::string text = fmt::format("grows by {} at {}", first.what, short_place(first.at));
    if (finding.growth.size() > 1)
        text += fmt::format(" and {} more place{}", finding.growth.size() - 1, finding.growth.size() == 2 ? "" : "s");
    return text;
}

}  // namespace

std::string finding_message(const AuditFinding& finding) {
    using Rule = AuditFinding::Rule;
    std::string text;
    switch (finding.rule) {
        case Rule::unbounded_growth:
            text =
                fmt::format("{} {}, and nothing that removes from it runs while the service works", finding.subject, growth_words(finding));
            if (finding.removals.empty()) text = fmt::format("{} {}, and nothing removes from it", finding.subject, growth_words(finding));
            break;
        case Rule::removal_never_runs:
            text = fmt::format("{} {}, and what removes from it never runs: {}", finding.subject, growth_words(finding),
                               finding.removals.empty() ? "" : finding.removals.front().why);
            break;
        case Rule::removal_skipped:
            text = fmt::format("{} {}, and its removal is skipped: {}", finding.subject, growth_words(finding),
                               finding.removals.empty() ? "" : finding.removals.front().why);
            break;
        case Rule::unbounded_memo:
            text = fmt::format("{} keeps the result of every different call: its cache has no bound", finding.subject);
            break;
        case Rule::handle_not_released:
            text = fmt::format("{} is opened at {} and {}", finding.subject,
                               finding.growth.empty() ? "" : short_place(finding.growth.front().at),
                               finding.removals.empty() ? "never closed" : finding.removals.front().why);
            break;
    }
    if (finding.measured) {
        text += fmt::format("; measured: {} grew there in {}", format_signed_bytes(static_cast<double>(finding.measured->growth_bytes)),
                            finding.measured->file);
        if (finding.measured->bytes_per_request)
            text += fmt::format(", {} per request", format_bytes(*finding.measured->bytes_per_request));
    }
    return text;
}

std::string cause_message(const AuditFinding& finding) {
    constexpr std::size_t kMaxRemovals = 3;
    std::string text = fmt::format("{} {}; ", finding.subject, growth_words(finding));
    if (finding.removals.empty()) return text + "nothing removes from it";
    for (std::size_t i = 0; i < std::min(finding.removals.size(), kMaxRemovals); ++i) {
        const AuditFinding::Removal& removal = finding.removals[i];
        text += fmt::format("{}{} at {}: {}", i == 0 ? "" : "; ", removal.site.what, short_place(removal.site.at), removal.why);
    }
    if (finding.removals.size() > kMaxRemovals) text += fmt::format("; and {} more", finding.removals.size() - kMaxRemovals);
    return text;
}

std::size_t Audit::open(AuditFinding::Level level) const {
    return static_cast<std::size_t>(std::count_if(
        findings.begin(), findings.end(), [&](const AuditFinding& finding) { return finding.level == level && finding.accepted.empty(); }));
}

}  // namespace leakline
