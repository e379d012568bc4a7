// leakline compare: two recordings or reports, line by line; a gate.
#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <set>

#include "analysis/compare.hpp"
#include "analysis/lines/lines.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "commands.hpp"
#include "details.hpp"
#include "exit_code.hpp"
#include "exit_policy.hpp"
#include "heap/profile_reader.hpp"
#include "line_options.hpp"
#include "output.hpp"
#include "quantity_options.hpp"
#include "report/json_read.hpp"
#include "report/source_text.hpp"
#include "system/byte_source.hpp"
#include "system/peeked_source.hpp"

namespace leakline::cli {

namespace {

struct Side {
    std::string file;
    std::vector<std::string> sources;  // of this side alone
};

// A text that was written after the recording began is not what was recorded: better none than a wrong one.
void drop_newer_text(LineReport& report, report::SourceText& source, Nanoseconds started, Output& output, const Side& side,
                     const char* option) {
    std::set<std::string> newer;
    for (LineGrowth& line : report.lines) {
        if (line.source.empty()) continue;
        struct stat status {};
        const auto& path = source.locate(line.at.file);
        if (!path || ::stat(path->c_str(), &status) != 0) continue;
        const Nanoseconds written = std::chrono::seconds(status.st_mtim.tv_sec) + std::chrono::nanoseconds(status.st_mtim.tv_nsec);
        if (written <= started) continue;
        newer.insert(*path);
        line.source.clear();
    }
    if (newer.empty()) return;
    output.warn(
        fmt::format("{} has changed since {} was recorded, so its lines are matched by number; {} DIR says "
                    "where the old source code is",
                    newer.size() == 1 ? *newer.begin() : fmt::format("{} source files", newer.size()), side.file, option));
}

LineReport read_side(const Side& side, const LineArguments& lines, Output& output, const char* option) {
    // What a pipe holds comes only once: it is looked at before it is read.
    auto bytes = std::make_unique<PeekedSource>(open_source(side.file));
    if (trim(bytes->peek(256)).starts_with('{')) {
        LineReport report = report::read_line_report(read_all(*bytes, side.file), side.file);
        output.detail(side.file + ": lines as JSON, with the source text of that time");
        detail_lines(output, report);
        return report;
    }
    const HeapProfile profile = heap::read_profile(std::move(bytes), side.file, lines.read_options());
    detail_recording(output, side.file, profile);
    LineReport report = analysis::grow_lines(profile, lines.options());
    detail_lines(output, report);
    std::vector<std::string> sources = side.sources;
    sources.insert(sources.end(), lines.sources().begin(), lines.sources().end());
    report::SourceText source(sources);
    if (!profile.named_here) source.trust_directories_only();
    source.search_parents(profile.command.substr(0, profile.command.find(' ')));
    source.fill(report);
    detail_sources(output, source);
    if (side.sources.empty() && profile.started) drop_newer_text(report, source, *profile.started, output, side, option);
    for (const std::string& warning : report.warnings) output.detail(side.file + ": " + warning);
    return report;
}

}  // namespace

Run declare_compare(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kComparisonForm);
    auto before = std::make_shared<Side>(), after = std::make_shared<Side>();
    auto options = std::make_shared<analysis::CompareOptions>();
    app.add_option("before", before->file, "Recording, diagnosis.json or JSON file written by leakline lines")
        ->required()
        ->type_name("BEFORE");
    app.add_option("after", after->file, "The same for the program after the change")->required()->type_name("AFTER");
    auto lines = std::make_shared<LineArguments>(app);
    app.add_option("--before-source", before->sources, "Look for the source of BEFORE under DIR")->type_name("DIR");
    app.add_option("--after-source", after->sources, "Look for the source of AFTER under DIR")->type_name("DIR");
    auto exits = std::make_shared<ExitPolicy>(app);
    add_growth(app, "--max-growth", options->max_growth,
               "Fail if the leak of a line increased by more than this, such as 64B/request or 1MiB/h (default: 0)");
    output->add_top(app, "Number of lines to list");
    return [=](const Interruption&) -> int {
        if (lines->options().by == GroupBy::process)
            throw Error(ErrorKind::usage, "--by process", "processes cannot be compared: their numbers differ from run to run",
                        "leakline lines RECORDING --by process shows those of one");
        output->open({before->file, after->file});
        const LineReport old_lines = read_side(*before, *lines, *output, "--before-source");
        const LineReport new_lines = read_side(*after, *lines, *output, "--after-source");
        Comparison comparison = analysis::compare_lines(old_lines, new_lines, *options);
        comparison.before = before->file;
        comparison.after = after->file;
        const GateOutcome outcome = comparison.outcome;
        output->write(std::move(comparison));
        switch (outcome) {
            case GateOutcome::passed: return kNoLeak;
            case GateOutcome::failed: return exits->leak();
            case GateOutcome::inconclusive: break;
        }
        return exits->inconclusive(*output, "too few measurements to decide whether a line leaks more than before");
    };
}

}  // namespace leakline::cli
