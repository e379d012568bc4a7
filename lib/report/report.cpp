#include "report/report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/did_you_mean.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "report/internal/renderers.hpp"

namespace leakline::report {

namespace {

// Formats for a diagnosis, and for documents with a page; documents for terminals and programs have only text and JSON.
constexpr unsigned kDiagnosed = kDiagnosisForm | kMinimizedForm, kLines = kDiagnosed | kLinesForm;
constexpr unsigned kPages = kLines | kTrendForm | kReplayForm | kComparisonForm | kHistoryForm;
// Those that name places in the source.
constexpr unsigned kPlaces = kLines | kAuditForm;

}  // namespace

std::span<const Format> formats() {
    static const std::vector<Format> table = {
        {"text", {".txt"}, "for a terminal", render_text},
        {"json", {".json"}, "everything, for programs; leakline report reads it back", render_json},
        {"md", {".md", ".markdown"}, "Markdown for a pull request", render_markdown, kPages | kAuditForm},
        {"html", {".html", ".htm"}, "one self-contained page with charts", render_html, kPages},
        {"csv", {".csv"}, "one row per series or line", render_csv, kLines | kTrendForm | kHistoryForm},
        {"junit", {".xml"}, "JUnit: one test case per gate", render_junit, kDiagnosed | kTrendForm},
        {"sarif", {".sarif", ".sarif.json"}, "SARIF 2.1.0 for code scanning", render_sarif, kPlaces},
        {"gitlab", {"gl-code-quality-report.json", ".codequality.json"}, "GitLab Code Quality", render_gitlab, kPlaces},
        {"github", {}, "GitHub workflow commands (automatic if GITHUB_ACTIONS=true)", render_github, kPlaces | kTrendForm},
        {"openmetrics", {".prom"}, "for node_exporter's textfile collector", render_openmetrics, kDiagnosed | kTrendForm},
        {"svg", {".svg"}, "the plot of memory over time", render_svg, kDiagnosed | kTrendForm},
        {"folded", {".folded"}, "stacks of the growth, for flamegraph.pl", render_folded, kLines},
        {"speedscope", {".speedscope.json"}, "stacks of the growth, for speedscope.app", render_speedscope, kLines},
        {"pprof", {".pb.gz"}, "stacks of the growth, for go tool pprof", render_pprof, kLines, true},
    };
    return table;
}

const Diagnosis* diagnosis_in(const Document& document) {
    const auto* minimized = std::get_if<Minimized>(&document);
    return minimized != nullptr ? &minimized->diagnosis : std::get_if<Diagnosis>(&document);
}

namespace {

std::string_view document_name(unsigned form) {
    switch (form) {
        case kDiagnosisForm: return "a diagnosis";
        case kLinesForm: return "a line report";
        case kTrendForm: return "a trend";
        case kComparisonForm: return "a comparison";
        case kHistoryForm: return "a history";
        case kReplayForm: return "a replay's statistics";
        case kMinimizedForm: return "a minimized log";
        case kDryRunForm: return "a dry run";
        case kSelfTestForm: return "a self-test";
        case kPrerequisitesForm: return "a check of prerequisites";
        case kHoldersForm: return "a list of holders";
        case kAuditForm: return "an audit";
        case kGateForm: return "an explanation of a gate";
        default: return "this document";
    }
}

std::string extensions_text() {
    std::string text;
    for (const Format& format : formats())
        for (std::string_view extension : format.extensions) text += fmt::format("{}{}", text.empty() ? "" : " ", extension);
    return text;
}

}  // namespace

const Format& format_named(std::string_view name, unsigned forms) {
    std::vector<std::string> names;
    for (const Format& format : formats()) {
        if (format.name == name) return format;
        if ((format.forms & forms) != 0) names.emplace_back(format.name);
    }
    throw Error(ErrorKind::usage, "", fmt::format("unknown report format '{}'{}", printable(name), did_you_mean_text(name, names)),
                fmt::format("formats: {}", fmt::join(names, " ")));
}

const Format& format_of_file(std::string_view path) {
    const Format* best = nullptr;
    std::size_t longest = 0;
    std::vector<std::string> known;
    for (const Format& format : formats())
        for (std::string_view extension : format.extensions) {
            known.emplace_back(extension);
            if (extension.size() <= longest || !path.ends_with(extension)) continue;
            best = &format;
            longest = extension.size();
        }
    if (best != nullptr) return *best;

    const std::string_view file = file_name(path);
    const std::size_t dot = file.rfind('.');
    const std::string hint = fmt::format("the format follows the extension: {}", extensions_text());
    if (dot == std::string_view::npos)
        throw Error(ErrorKind::usage, std::string(path), "the file name has no extension of a report format", hint);
    const std::string extension(file.substr(dot));
    throw Error(ErrorKind::usage, std::string(path),
                fmt::format("no report format has the extension '{}'{}", printable(extension), did_you_mean_text(extension, known)), hint);
}

void require_form(const Format& format, unsigned form) {
    if ((format.forms & form) != 0) return;
    std::vector<std::string_view> usable;
    for (const Format& other : formats())
        if ((other.forms & form) != 0) usable.push_back(other.name);
    throw Error(ErrorKind::usage, "", fmt::format("format {} is not available for {}", format.name, document_name(form)),
                fmt::format("formats of {}: {}", document_name(form), fmt::join(usable, " ")));
}

}  // namespace leakline::report
