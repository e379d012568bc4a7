// leakline baseline: accepts what a diagnosis shows, in a file to be committed.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "analysis/baseline.hpp"
#include "audit/audit.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "commands.hpp"
#include "details.hpp"
#include "exit_code.hpp"
#include "messages.hpp"
#include "overwriting.hpp"
#include "report/baseline_file.hpp"
#include "report/json_read.hpp"
#include "system/byte_source.hpp"
#include "system/output_file.hpp"

namespace leakline::cli {

namespace {

void write_file(const std::string& path, const Baseline& baseline) {
    OutputFile file(path);
    file.write(report::write_baseline(baseline));
    file.commit();
}

}  // namespace

Run declare_baseline(CLI::App& app) {
    struct Options {
        std::string diagnosis, file = "baseline.json";
        bool fresh = false;
    };
    auto options = std::make_shared<Options>();
    auto messages = std::make_shared<Messages>(app);
    app.add_option("diagnosis", options->diagnosis, "diagnosis.json of the run to accept, or JSON of leakline audit")
        ->required()
        ->type_name("FILE");
    app.add_option("-o,--output", options->file, "Baseline to write; the history and suppressions of an existing one are kept")
        ->type_name("FILE")
        ->capture_default_str();
    app.add_flag("--fresh", options->fresh, "Discard the history of an existing baseline; keep its suppressions");
    return [=](const Interruption&) {
        messages->open();
        refuse_to_overwrite({options->file}, {options->diagnosis});
        const std::string text = read_file(options->diagnosis);
        Baseline old;
        if (std::filesystem::exists(options->file)) old = report::read_baseline(read_file(options->file), options->file);
        if (report::is_audit(text)) {
            const Baseline next = audit::next_baseline(report::read_audit(text, options->diagnosis), old);
            write_file(options->file, next);
            messages->note(fmt::format("{}: {} findings of an audit accepted", options->file, next.findings.size()));
            return kNoLeak;
        }
        const Diagnosis diagnosis = report::read_diagnosis(text, options->diagnosis);
        detail_diagnosis(*messages, options->diagnosis, diagnosis);
        if (diagnosis.verdict == Verdict::invalid || diagnosis.verdict == Verdict::inconclusive)
            throw Error(ErrorKind::input, options->diagnosis,
                        fmt::format("the run's verdict is {}: there is nothing to accept", verdict_name(diagnosis.verdict)),
                        "repeat the run until the verdict is clear");
        if (options->fresh) old.lines.clear();
        const Baseline next = analysis::next_baseline(diagnosis, old);
        write_file(options->file, next);
        messages->note(
            fmt::format("{}: {} leaking lines accepted, {} suppressions kept", options->file, next.lines.size(), next.suppressions.size()));
        for (const auto& line : next.lines) messages->detail(printable(fmt::format("{}: {}", line.function, line.source)));
        return kNoLeak;
    };
}

}  // namespace leakline::cli
