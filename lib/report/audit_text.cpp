// An audit for a terminal: what grows, where, what removes and why that does not count; notes in a line each.
#include <fmt/format.h>

#include <algorithm>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "model/words.hpp"
#include "report/internal/renderers.hpp"
#include "report/internal/terminal_text.hpp"

namespace leakline::report {

namespace {

constexpr std::size_t kMaxSites = 5, kMaxUnits = 10;

Color level_color(AuditFinding::Level level) {
    switch (level) {
        case AuditFinding::Level::error: return Color::red;
        case AuditFinding::Level::warning: return Color::yellow;
        case AuditFinding::Level::note: break;
    }
    return Color::dim;
}

std::string in_function(const CodeLine& at) {
    return at.function.empty() ? place_text(at) : fmt::format("{} in {}", place_text(at), at.function);
}

void add_source(TerminalText& text, const std::string& source) {
    if (trim(source).empty()) return;
    text.line(fmt::format(
        "{:16}{}", "",
        text.paint(TerminalText::cut(trim(source), static_cast<std::size_t>(std::max(text.options().width - 16, 24))), Color::bold)));
}

void add_finding(TerminalText& text, const AuditFinding& finding) {
    text.line(fmt::format("{}: {} [{}]", text.paint(level_name(finding.level), level_color(finding.level)),
                          terminal_safe(finding_message(finding)), rule_name(finding.rule)));
    text.field("declared", in_function(finding.declared));
    if (finding.growth.empty() || finding.growth.front().at.line != finding.declared.line) add_source(text, finding.source);
    if (!finding.lifetime.empty()) text.field("lives", finding.lifetime);
    for (std::size_t i = 0; i < std::min(kMaxSites, finding.growth.size()); ++i) {
        text.field(i == 0 ? "grows" : "", fmt::format("{}: {}", in_function(finding.growth[i].at), finding.growth[i].what));
        add_source(text, finding.growth[i].source);
    }
    if (finding.growth.size() > kMaxSites) text.field("", fmt::format("and {} more places", finding.growth.size() - kMaxSites));
    for (const std::string& step : finding.reach) text.field(&step == &finding.reach.front() ? "reached" : "", step);
    for (std::size_t i = 0; i < std::min(kMaxSites, finding.removals.size()); ++i) {
        const AuditFinding::Removal& removal = finding.removals[i];
        text.field(i == 0 ? "removals" : "", fmt::format("{}: {}: {}", place_text(removal.site.at), removal.site.what, removal.why));
    }
    if (finding.removals.empty() && finding.rule == AuditFinding::Rule::unbounded_growth) text.field("removals", "none seen");
    for (const std::string& doubt : finding.doubts) text.field(&doubt == &finding.doubts.front() ? "not proven" : "", doubt);
    if (!finding.accepted.empty()) text.field("accepted", finding.accepted);
    text.line();
}

}  // namespace

std::string audit_text(const Audit& audit, const RenderOptions& options) {
    TerminalText text(options);
    using Level = AuditFinding::Level;
    std::size_t accepted = 0, notes = 0, shown = 0;
    for (const AuditFinding& finding : audit.findings) {
        accepted += finding.accepted.empty() ? 0 : 1;
        if (!finding.accepted.empty()) continue;
        if (finding.level == Level::note) {
            ++notes;
            continue;
        }
        if (shown++ < options.top) add_finding(text, finding);
    }
    if (shown > options.top) text.line(fmt::format("and {} more (--top {} shows them)\n", shown - options.top, shown));
    if (notes != 0 && options.notes) {
        text.heading("Notes: growth of which something is not proven");
        std::size_t listed = 0;
        for (const AuditFinding& finding : audit.findings) {
            if (finding.level != Level::note || !finding.accepted.empty() || listed++ >= options.top) continue;
            text.line(fmt::format("  {}: {}",
                                  terminal_safe(place_text(finding.growth.empty() ? finding.declared : finding.growth.front().at)),
                                  terminal_safe(finding_message(finding))));
            if (!finding.doubts.empty()) text.line(text.paint("    " + terminal_safe(finding.doubts.front()), Color::dim));
        }
        if (notes > options.top)
            text.line(fmt::format("  and {} more (--top {} shows them, --format json has all)", notes - options.top, notes));
        text.line();
    }
    if (!audit.failed.empty()) {
        text.heading("Not read, or not in full");
        std::vector<Audit::FailedUnit> failed = audit.failed;
        std::stable_partition(failed.begin(), failed.end(), [](const Audit::FailedUnit& unit) { return !unit.guessed; });
        for (std::size_t i = 0; i < std::min(kMaxUnits, failed.size()); ++i) {
            const Audit::FailedUnit& unit = failed[i];
            text.line(fmt::format("  {}{}", terminal_safe(unit.file), unit.partly ? " (in part)" : ""));
            for (const std::string& reason : unit.reasons) text.line(text.paint("    " + terminal_safe(reason), Color::dim));
        }
        if (audit.failed.size() > kMaxUnits) text.line(fmt::format("  and {} more files", audit.failed.size() - kMaxUnits));
        text.line();
    }
    std::string sum = fmt::format("{}, {}, {} in {} of {} lines; {} looked at", counted(audit.open(Level::error), "error"),
                                  counted(audit.open(Level::warning), "warning"), counted(audit.open(Level::note), "note"),
                                  counted(audit.units, "unit"), format_count(audit.lines), counted(audit.containers, "container"));
    if (accepted != 0) sum += fmt::format("; {} accepted", accepted);
    const auto guessed = static_cast<std::size_t>(
        std::count_if(audit.failed.begin(), audit.failed.end(), [](const Audit::FailedUnit& unit) { return unit.guessed; }));
    if (audit.failed.size() != guessed)
        sum += fmt::format("; {} with errors: what they would show is not known", counted(audit.failed.size() - guessed, "unit"));
    if (guessed != 0) sum += fmt::format("; {} read without all headers: what these declare was guessed", counted(guessed, "unit"));
    if (notes != 0 && !options.notes) sum += "; --notes lists the notes";
    text.line(sum);
    text.warnings(audit.warnings);
    return text.take();
}

}  // namespace leakline::report
