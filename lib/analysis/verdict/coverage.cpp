// Rules about what the run did not exercise.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// Of the log: more left out for want of a body, or a kind of request of this share that mostly failed, is a part of the
// service about which the run says nothing.
constexpr double kLeftOutShare = 0.01, kFailedShare = 0.05;
// Kinds that are named.
constexpr std::size_t kNamed = 3;

double share(std::uint64_t part, std::uint64_t whole) { return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole); }

template <class Count>
std::string kinds_text(const std::vector<KindCoverage>& kinds, Count count) {
    std::string text;
    std::size_t named = 0, more = 0;
    for (const KindCoverage& kind : kinds) {
        const std::string counted = count(kind);
        if (counted.empty()) continue;
        if (named == kNamed) {
            ++more;
            continue;
        }
        text += fmt::format("{}{} ({})", named++ == 0 ? "" : ", ", kind.kind, counted);
    }
    if (more > 0) text += fmt::format(" and {} more", more);
    return text;
}

std::string kinds_text(const std::vector<std::string>& kinds) {
    std::string text;
    for (std::size_t i = 0; i < kinds.size() && i < kNamed; ++i) text += (i == 0 ? "" : ", ") + kinds[i];
    return kinds.size() > kNamed ? fmt::format("{} and {} more", text, kinds.size() - kNamed) : text;
}

}  // namespace

std::optional<Conclusion> requests_not_served(const Facts& facts, const Policy&) {
    const Coverage& coverage = facts.evidence.coverage;
    const std::uint64_t sent = facts.evidence.replay.sent;
    std::uint64_t without_body = 0, filtered = 0;
    bool failed = false, failed_often = false;
    for (const KindCoverage& kind : coverage.kinds) {
        without_body += kind.without_body;
        filtered += kind.left_out - kind.without_body;
        failed = failed || kind.mostly_failed();
        failed_often = failed_often || (kind.mostly_failed() && share(kind.sent, sent) >= kFailedShare);
    }
    if (without_body == 0 && filtered == 0 && !failed && coverage.recorded_identifiers.empty()) return std::nullopt;
    Conclusion conclusion{Verdict::no_leak, {}, {}};
    if (without_body > 0) {
        const bool much = share(without_body, coverage.log_requests) >= kLeftOutShare;
        if (much) conclusion.verdict = Verdict::inconclusive;
        conclusion.reasons.push_back(fmt::format(
            "{} of the log's {} requests were not sent, because the log does not have their bodies: {}; they were not tested (use a log with bodies, or --allow-empty-body to send them without)",
            format_count(without_body), format_count(coverage.log_requests), kinds_text(coverage.kinds, [](const KindCoverage& kind) {
                return kind.without_body > 0 ? format_count(kind.without_body) : "";
            })));
    }
    if (failed) {
        if (failed_often) conclusion.verdict = Verdict::inconclusive;
        const std::string words = fmt::format(
            "most requests of these kinds failed, so they were not tested: {}", kinds_text(coverage.kinds, [](const KindCoverage& kind) {
                return kind.mostly_failed() ? fmt::format("{} of {} failed", format_count(kind.failed), format_count(kind.sent)) : "";
            }));
        conclusion.reasons.insert(failed_often && without_body > 0 ? conclusion.reasons.begin() : conclusion.reasons.end(), words);
    }
    if (filtered > 0)
        conclusion.reasons.push_back(
            fmt::format("excluded by filters, and not covered by the verdict: {}", kinds_text(coverage.kinds, [](const KindCoverage& kind) {
                            return kind.left_out > kind.without_body ? format_count(kind.left_out - kind.without_body) : "";
                        })));
    if (!coverage.recorded_identifiers.empty())
        conclusion.reasons.push_back(
            fmt::format("the verdict does not cover growth per new identifier for {}: the service rejected new identifiers, so "
                        "these requests were sent with the recorded ones",
                        kinds_text(coverage.recorded_identifiers)));
    return conclusion;
}

}  // namespace leakline::analysis
