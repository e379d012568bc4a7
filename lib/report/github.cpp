#include "report/github.hpp"

#include <fmt/format.h>

#include "base/utf8.hpp"
#include "report/internal/findings.hpp"
#include "report/internal/history_text.hpp"
#include "report/internal/renderers.hpp"
#include "report/internal/resources_text.hpp"
#include "report/internal/summary.hpp"

namespace leakline::report {

namespace {

constexpr std::size_t kMaxErrors = 10, kLongest = 4000;  // bytes

std::string escaped(std::string_view text, bool property) {
    std::string out;
    for (char c : utf8_head(text, kLongest)) {
        const bool special = c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','));
        if (special)
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        else if (static_cast<unsigned char>(c) < 0x20)
            out += ' ';
        else
            out += c;
    }
    return out;
}

std::string command(std::string_view level, const std::string& properties, std::string_view message) {
    return fmt::format("::{} {}::{}\n", level, properties, escaped(message, false));
}

}  // namespace

std::string workflow_commands(const Document& document, const RenderOptions& options) {
    const std::string title = "title=leakline";
    std::string out;
    std::size_t errors = 0;
    if (const auto* diagnosis = diagnosis_in(document)) {
        const Summary summary = summarize(*diagnosis);
        std::string_view level = "error";
        if (diagnosis->verdict == Verdict::no_leak || diagnosis->accepted) level = "notice";
        if (diagnosis->verdict == Verdict::inconclusive && options.inconclusive != RenderOptions::Inconclusive::fail)
            level = options.inconclusive == RenderOptions::Inconclusive::warn ? "warning" : "notice";
        out += command(level, title, fmt::format("{}: {}", summary.verdict, summary.reason));
        errors += level == "error";
        for (const Gate& gate : diagnosis->gates)
            if (gate.outcome == GateOutcome::failed && errors < kMaxErrors) {
                out +=
                    command("error", title, fmt::format("gate failed: {}{}{}", gate.name, gate.message.empty() ? "" : ": ", gate.message));
                ++errors;
            }
    }
    if (const auto* trend = std::get_if<TrendReport>(&document)) {
        for (const TrendReport::Item& item : trend->items)
            if (item.verdict.verdict == Trend::growing && errors++ < kMaxErrors)
                out += command("error", title, fmt::format("{} grows: {}", item.file, slope_text(item.verdict)));
        for (const TrendReport::Count& count : trend->counts)
            if (count.growth.verdict == Trend::growing && errors++ < kMaxErrors) out += command("error", title, count_line(count));
    }
    if (const auto* comparison = std::get_if<Comparison>(&document); comparison != nullptr && comparison->outcome == GateOutcome::failed)
        out += command("error", title, "compare failed: " + comparison->reasons.front());
    if (const auto* history = std::get_if<History>(&document); history != nullptr && history->worsened())
        out += command("error", title, fmt::format("{}: {}", history_verdict(*history), history_headline(*history)));
    for (const Finding& finding : findings_of(document, options)) {
        const bool audited = finding.kind == Finding::Kind::audited;
        if ((finding.line == nullptr && finding.opened == nullptr && !audited) || !finding.path || !finding.in_repository) continue;
        if (errors++ >= kMaxErrors) break;
        const std::uint32_t line = line_of(finding);
        std::string_view level = "error";
        if (audited && finding.audited->level != AuditFinding::Level::error)
            level = finding.audited->level == AuditFinding::Level::warning ? "warning" : "notice";
        out += command(level, fmt::format("file={},line={},endLine={},title=leakline", escaped(*finding.path, true), line, line),
                       finding.message);
    }
    return out;
}

std::string render_github(const Document& document, const RenderOptions& options) { return workflow_commands(document, options); }

}  // namespace leakline::report
