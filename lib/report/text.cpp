// The format for a terminal: each document's result first.
#include <fmt/format.h>

#include <algorithm>

#include "report/internal/comparison_text.hpp"
#include "report/internal/history_text.hpp"
#include "report/internal/lines_text.hpp"
#include "report/internal/path_results.hpp"
#include "report/internal/renderers.hpp"
#include "report/internal/replay_text.hpp"
#include "report/internal/terminal_text.hpp"
#include "report/trends_text.hpp"

namespace leakline::report {

namespace {

std::string render(const Diagnosis& diagnosis, const RenderOptions& options) { return diagnosis_text(diagnosis, options); }

std::string render(const TrendReport& report, const RenderOptions& options) { return trends_text(report, options); }

std::string render(const ReplayStats& stats, const RenderOptions& options) {
    TerminalText text(options);
    text.append(stats.valid ? text.paint("valid", Color::green) : text.paint("INVALID", Color::red));
    if (!stats.valid && !stats.reasons.empty()) text.append(": " + terminal_safe(stats.reasons.front()));
    text.line();
    add_replay(text, stats);
    if (!stats.paths.empty()) {
        text.heading("By request");
        constexpr std::size_t kShown = 30;
        const PathResults results = busiest_paths(stats, kShown);
        for (const PathResult& path : results.shown)
            text.line(fmt::format("  {:>10} sent {:>8} errors  p50 {:>9}  p99 {:>9}  {}", path.sent, path.errors, path.p50, path.p99,
                                  text.cut(path.name, static_cast<std::size_t>(std::max(options.width - 58, 20)))));
        if (results.more > 0) text.line(fmt::format("  and {} more (--format json has all)", results.more));
    }
    text.warnings(stats.warnings);
    return text.take();
}

std::string render(const LineReport& report, const RenderOptions& options) { return lines_text(report, options); }

std::string render(const Comparison& comparison, const RenderOptions& options) { return comparison_text(comparison, options); }

std::string render(const History& history, const RenderOptions& options) { return history_text(history, options); }

std::string render(const Minimized& result, const RenderOptions& options) {
    return minimized_text(result, options) + (result.diagnosed == Minimized::Diagnosed::nothing ? "" : render(result.diagnosis, options));
}

std::string render(const DryRun& result, const RenderOptions&) { return dry_run_text(result); }

std::string render(const SelfTest& result, const RenderOptions&) { return self_test_text(result); }

std::string render(const HolderReport& report, const RenderOptions& options) { return holders_text(report, options); }

std::string render(const GateReport& gate, const RenderOptions& options) { return gate_text(gate, options); }

std::string render(const Audit& audit, const RenderOptions& options) { return audit_text(audit, options); }

std::string render(const Prerequisites& result, const RenderOptions& options) {
    std::string out;
    for (const Prerequisite& check : result.checks) {
        if (options.brief && check.state == Prerequisite::State::good) continue;
        const std::string_view state = check.state == Prerequisite::State::missing ? "MISSING" : state_name(check.state);
        out += fmt::format("{:<8} {}\n", state, check.what);
        if (!check.fix.empty()) out += fmt::format("          fix: {}\n", check.fix);
    }
    if (options.brief) return out;
    return out + (result.met() ? "\nall required prerequisites are met\n" : "\nsome prerequisites are missing\n");
}

}  // namespace

std::string render_text(const Document& document, const RenderOptions& options) {
    return std::visit([&](const auto& value) { return render(value, options); }, document);
}

}  // namespace leakline::report
