// leakline lines: growth of live heap bytes by source line, from a recording.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <set>

#include "analysis/lines/function_name.hpp"
#include "analysis/lines/lines.hpp"
#include "base/did_you_mean.hpp"
#include "base/strings.hpp"
#include "choice.hpp"
#include "commands.hpp"
#include "details.hpp"
#include "exit_code.hpp"
#include "heap/profile_reader.hpp"
#include "line_options.hpp"
#include "output.hpp"
#include "report/source_text.hpp"

namespace leakline::cli {

namespace {

// What a user can have meant: the last part of each function's name in the recording.
std::vector<std::string> function_names(const HeapProfile& profile) {
    std::set<std::string> names;
    std::set<StringId> seen;
    for (const Frame& frame : profile.frames) {
        if (!seen.insert(frame.function).second) continue;
        const std::string full = analysis::qualified_name(profile.string(frame.function));
        const std::size_t colon = full.rfind(':');
        names.insert(colon == full.npos ? full : full.substr(colon + 1));
    }
    return {names.begin(), names.end()};
}

void require_table(const LineReport& report, const HeapProfile& profile, const std::string& file, const std::string& function) {
    for (const LineTable& table : report.tables)
        if (analysis::names_function(analysis::enclosing_function(analysis::qualified_name(table.function)),
                                     analysis::enclosing_function(analysis::qualified_name(function))))
            return;
    throw Error(ErrorKind::input, file,
                fmt::format("no allocation passes through a function named '{}' that has debug info{}", printable(function),
                            did_you_mean_text(function, function_names(profile))),
                "leakline lines " + file + " --by function lists all functions");
}

}  // namespace

Run declare_lines(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kLinesForm);
    auto lines = std::make_shared<LineArguments>(app);
    auto files = std::make_shared<std::vector<std::string>>();
    output->options().precision = 4;
    app.add_option(
           "recording", *files,
           "leakline recording or heaptrack file, interpreted or raw (plain, gzip or zstd; -: standard input); or .heapprofile files of a "
           "Node.js process, oldest first")
        ->required()
        ->type_name("FILE");
    output->add_precision(app);
    using Unit = report::RenderOptions::Unit;
    app.add_option("--unit", output->options().unit, "Unit of the line table: B, KiB or MiB (default: MiB)")
        ->transform(choice_of<Unit>({{"B", Unit::bytes}, {"KiB", Unit::kib}, {"MiB", Unit::mib}}))
        ->type_name("UNIT")
        ->option_text("UNIT");
    app.add_flag("--strict", output->options().strict, "Print only the line tables, exactly as memory_profiler does");
    output->add_top(app, "Number of lines to list, with --full");
    output->add_full(app);
    return [=, &app](const Interruption&) {
        // Who asks for one of these wants to see all of it.
        if (app.count("--top") > 0 || app.count("--function") > 0) output->options().full = true;
        output->open(*files);
        const std::string& file = files->front();
        report::SourceText source(lines->sources());
        const HeapProfile profile = heap::read_profiles(*files, lines->read_options());
        lines->require_groups(profile, file);
        detail_recording(*output, file, profile);
        if (!profile.named_here) source.trust_directories_only();
        source.search_parents(profile.command.substr(0, profile.command.find(' ')));
        LineReport report = analysis::grow_lines(profile, lines->options());
        if (!lines->options().table_function.empty()) require_table(report, profile, file, lines->options().table_function);
        detail_lines(*output, report);
        source.fill(report);
        detail_sources(*output, source);
        for (const std::string& warning : report.warnings) output->warn(warning);
        output->write(std::move(report));
        return kNoLeak;
    };
}

}  // namespace leakline::cli
