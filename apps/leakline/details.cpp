#include "details.hpp"
#include "base/quantities.hpp"
#include "base/redact.hpp"
#include "base/strings.hpp"

#include <fmt/format.h>

#include <map>

namespace leakline::cli {

void detail_recording(Messages& messages, const std::string& file, const HeapProfile& profile) {
    messages.detail(fmt::format("{}: {} of {}, {}: {} over {}, {}, {}", file, profile.source, printable(redact_secrets(profile.command)),
                                completeness_name(profile.completeness), counted(profile.events, "event"),
                                format_duration(profile.duration), counted(profile.traces.size(), "stack"),
                                counted(profile.marks.size(), "mark")));
}

void detail_lines(Messages& messages, const LineReport& report) {
    messages.detail(fmt::format("analyzed from {} to {}: {}", format_duration(report.window_begin), format_duration(report.window_end),
                                counted(report.mark_seconds.size(), "mark")));
    std::map<std::string_view, std::size_t> classes;
    std::size_t leaking = 0, library = 0;
    for (const LineGrowth& line : report.lines) {
        ++classes[growth_class_name(line.growth_class)];
        leaking += line.leaking ? 1 : 0;
        library += line.user_code ? 0 : 1;
    }
    std::string text = fmt::format("{}, {} of them leaking", counted(report.lines.size(), "line"), leaking);
    for (const auto& [name, count] : classes) text += fmt::format(", {} {}", count, name);
    if (library > 0) text += fmt::format("; {} outside of user code", library);
    messages.detail(text);
}

void detail_sources(Messages& messages, const report::SourceText& sources) {
    for (const auto& [file, path] : sources.located())
        messages.detail(path ? fmt::format("source of {}: {}", printable(file), printable(*path))
                             : fmt::format("source of {}: not found", printable(file)));
}

void detail_diagnosis(Messages& messages, const std::string& file, const Diagnosis& diagnosis) {
    messages.detail(fmt::format("{}: {}, {}; {}, {}, {}", file, diagnosis.started.empty() ? "unknown time" : printable(diagnosis.started),
                                verdict_name(diagnosis.verdict), counted(diagnosis.series.size(), "sample"),
                                counted(diagnosis.lines.lines.size(), "line"), counted(diagnosis.rounds.size(), "round")));
}

}  // namespace leakline::cli
