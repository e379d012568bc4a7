// leakline audit: containers that grow and are never cleaned, in source code.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "audit/audit.hpp"
#include "base/time_text.hpp"
#include "choice.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "exit_policy.hpp"
#include "output.hpp"
#include "report/baseline_file.hpp"
#include "report/json_read.hpp"
#include "system/byte_source.hpp"
#include "system/clock.hpp"

namespace leakline::cli {

namespace {

struct AuditCommand {
    explicit AuditCommand(CLI::App& app) : exits(app) {}

    audit::AuditOptions options;
    std::vector<std::string> evidence;
    std::string baseline;
    bool no_cache = false;
    AuditFinding::Level fails_at = AuditFinding::Level::warning;
    ExitPolicy exits;
};

// A diagnosis, or the lines of a recording alone.
Diagnosis read_evidence(const std::string& file) {
    const std::string text = read_file(file);
    if (report::is_diagnosis(text)) return report::read_diagnosis(text, file);
    Diagnosis lines;
    lines.lines = report::read_line_report(text, file);
    return lines;
}

int run_audit_command(AuditCommand& command, Output& output, const std::stop_token& stop) {
    std::vector<std::string> inputs = command.evidence;
    if (!command.baseline.empty()) inputs.push_back(command.baseline);
    output.open(inputs);
    Baseline baseline;
    if (!command.baseline.empty()) baseline = report::read_baseline(read_file(command.baseline), command.baseline);
    std::vector<Diagnosis> evidence;
    for (const std::string& file : command.evidence) evidence.push_back(read_evidence(file));
    if (!evidence.empty())
        if (const LineGrowth* line = leaking_line(evidence.front().lines))
            command.options.explain = audit::places_of(evidence.front(), *line);

    if (!command.no_cache) command.options.cache_directory = audit::default_cache_directory();
    command.options.stop = stop;
    command.options.progress = [&](const std::string& what, double done) { output.progress("audit", what, done); };
    const Nanoseconds begun = system_clock().monotonic();
    Audit audit = audit::run_audit(command.options);
    output.detail(fmt::format("{} units, {} of them unchanged, in {}", audit.units, audit.cached,
                              format_duration(system_clock().monotonic() - begun)));
    for (std::size_t i = 0; i < evidence.size(); ++i)
        if (const std::size_t unmatched = audit::apply_evidence(audit, evidence[i], command.evidence[i]); unmatched != 0)
            output.note(fmt::format("{}: {} leaking lines are at no finding of the audit", command.evidence[i], unmatched));
    audit::accept_known(audit, baseline, format_utc_date(system_clock().wall()));

    std::size_t failing = 0;
    for (const auto level : {AuditFinding::Level::error, AuditFinding::Level::warning, AuditFinding::Level::note})
        if (level <= command.fails_at) failing += audit.open(level);
    const std::size_t unread = audit.failed.size();
    output.write(std::move(audit));
    if (stop.stop_requested()) return kInterrupted;
    if (failing != 0) return command.exits.leak();
    if (unread == 0) return kNoLeak;
    return command.exits.inconclusive(output,
                                      fmt::format("{} units have errors or lack headers: what they would show is not known", unread));
}

}  // namespace

Run declare_audit(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kAuditForm);
    auto command = std::make_shared<AuditCommand>(app);
    app.add_option("paths", command->options.paths, "Files and folders with C, C++ or Python (default: the current folder)")
        ->type_name("PATH");
    app.add_option("-p,--compile-commands", command->options.compile_commands,
                   "compile_commands.json or its folder (default: looked for above PATH and in build folders)")
        ->type_name("FILE");
    app.add_option("--evidence", command->evidence,
                   "Make findings that grew in the run of this diagnosis.json errors, with the measured growth")
        ->type_name("FILE")
        ->allow_extra_args(false);
    app.add_option("--baseline", command->baseline, "Accept the leaks in this file, written by leakline baseline")->type_name("FILE");
    app.add_option("--fail-on", command->fails_at, "Lowest level that fails: error, warning or note")
        ->transform(choice_of<AuditFinding::Level>(
            {{"error", AuditFinding::Level::error}, {"warning", AuditFinding::Level::warning}, {"note", AuditFinding::Level::note}}))
        ->type_name("LEVEL")
        ->default_str("warning");
    app.add_option("--jobs", command->options.jobs, "Units to read at a time, 1 to 256 (default: one per processor)")
        ->check(between(1, 256))
        ->type_name("N");
    app.add_flag("--notes", output->options().notes, "List the notes, too: growth of which something is not proven");
    app.add_flag("--no-cache", command->no_cache, "Read every unit again, and keep nothing for the next run");
    output->add_top(app, "Number of lines to list");
    return [=](const Interruption& interruption) { return run_audit_command(*command, *output, interruption.stop); };
}

}  // namespace leakline::cli
