// leakline holders: which variables hold the heap of a running process, or of a core file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "commands.hpp"
#include "diagnose/process_copies.hpp"
#include "exit_code.hpp"
#include "heap/profile_reader.hpp"
#include "heap/python_holders.hpp"
#include "heap/recorder.hpp"
#include "holders/holders.hpp"
#include "model/runtime.hpp"
#include "output.hpp"
#include "process_option.hpp"
#include "quantity_options.hpp"
#include "report/source_text.hpp"
#include "system/clock.hpp"
#include "system/mappings.hpp"
#include "system/proc_file.hpp"
#include "system/stop.hpp"

namespace leakline::cli {

namespace {

// Of a process that is attached to for a short time: more samples than where a recording is long.
constexpr Bytes kAttachedInterval = Bytes{16} << 10;

// Between two snapshots, with progress.
bool wait_for(Nanoseconds duration, const Interruption& interruption, Output& output) {
    const Nanoseconds begin = system_clock().monotonic();
    constexpr Nanoseconds kStep = std::chrono::milliseconds(200);
    for (Nanoseconds gone{}; gone < duration; gone = system_clock().monotonic() - begin) {
        output.progress("waiting", "until the second snapshot", to_seconds(gone) / to_seconds(duration));
        if (!sleep_for(interruption.stop, std::min(kStep, duration - gone))) return false;
    }
    return true;
}

void detail_report(Output& output, const HolderReport& report) {
    output.detail(fmt::format("process {} ({}): copied {}, stopped for {}, {} blocks", report.process, report.command,
                              format_bytes(static_cast<double>(report.copied)), format_duration(report.paused),
                              format_count(report.blocks)));
}

holders::HolderOptions search_options(Nanoseconds since, const Interruption& interruption, Output& output) {
    holders::HolderOptions options;
    options.most = since > Nanoseconds::zero() ? holders::kMaxCompared : output.options().top;
    options.stop = interruption.stop;
    options.progress = [&output](std::string_view stage) { output.progress("holders", stage); };
    return options;
}

void warn_of_python(HolderReport& report) {
    if (runtime_of_module(report.command) == Runtime::python)
        report.warnings.push_back(report.core.empty()
                                      ? "these are variables of the interpreter, not of Python"
                                      : "these are variables of the interpreter, not of Python, which core files do not show");
}

// Of native code, with growth between two snapshots if they are wanted.
HolderReport native_report(int pid, Nanoseconds since, const Interruption& interruption, Output& output) {
    const holders::HolderOptions options = search_options(since, interruption, output);
    HolderReport report = holders::find_holders(pid, options);
    detail_report(output, report);
    if (since > Nanoseconds::zero() && wait_for(since, interruption, output)) {
        HolderReport later = holders::find_holders(pid, options);
        detail_report(output, later);
        report = holders::growth_between(report, std::move(later), since);
    }
    warn_of_python(report);
    return report;
}

HolderReport core_report(const std::string& core, const Interruption& interruption, Output& output) {
    std::ifstream file(core, std::ios::binary);
    char head[16] = {};
    file.read(head, sizeof head);
    if (heap::is_recording({head, static_cast<std::size_t>(file.gcount())}))
        throw Error(ErrorKind::input, core,
                    "a recording has the lines that allocated blocks, but not what the blocks contain, so not what leads to them",
                    "leakline diagnose names holders in the same run; leakline holders --pid N examines a running process");
    HolderReport report = holders::find_holders(core, search_options(Nanoseconds::zero(), interruption, output));
    output.detail(fmt::format("core file {} ({}): read {}, {} blocks", report.core, report.command,
                              format_bytes(static_cast<double>(report.copied)), format_count(report.blocks)));
    warn_of_python(report);
    return report;
}

void require_copy(int pid) {
    if (const std::string reason = diagnose::reason_against_copies({pid}); !reason.empty())
        throw Error(ErrorKind::system, fmt::format("process {}", pid), reason, "leakline sample shows its memory over time");
}

// Also a program that has loaded it as a library, such as uWSGI.
bool runs_python(int pid) {
    if (runtime_of_module(executable_of(pid)) == Runtime::python) return true;
    const auto maps = read_small_file(fmt::format("/proc/{}/maps", pid));
    const std::vector<Mapping> mappings = parse_mappings(maps.value_or(std::string()));
    return std::any_of(mappings.begin(), mappings.end(), [](const Mapping& one) { return file_name(one.path).starts_with("libpython3"); });
}

// Of a Python process that is not recorded: attaches the agent meanwhile. since: the time between two counts of its objects, for growth; zero: one
// count, of all objects. Nothing if it does not run a Python that the agent knows.
std::optional<HolderReport> attached_report(int pid, Nanoseconds since, const Interruption& interruption, Output& output) {
    if (!runs_python(pid)) return std::nullopt;
    require_copy(pid);
    heap::RecordOptions options;
    options.attach_to = pid;
    options.sample_interval = kAttachedInterval;
    options.stop = interruption.stop;
    heap::Recorder recorder = heap::Recorder::start(std::move(options));
    output.detail(fmt::format("attached to process {}; a thread stood still for {}", pid, format_duration(recorder.stopped())));
    output.progress("holders", "counting objects in a copy of the process");
    const bool grows = since > Nanoseconds::zero();
    std::optional<HolderReport> before = recorder.python_holder_report(grows ? Nanoseconds::zero() : heap::kAllObjects);
    if (!before || !grows) return before;
    const Nanoseconds begin = system_clock().monotonic();
    if (!wait_for(since, interruption, output)) return before;
    output.progress("holders", "searching a copy of the process");
    std::optional<HolderReport> after = recorder.python_holder_report(begin);
    if (!after) return before;
    detail_report(output, *after);
    return heap::growth_between_searches(*before, *std::move(after), since);
}

// All variables of a Python process that is not recorded. Nothing, with a warning, if the agent cannot attach to it.
std::optional<HolderReport> report_of_all(int pid, const Interruption& interruption, Output& output) {
    try {
        return attached_report(pid, Nanoseconds::zero(), interruption, output);
    } catch (const Error& error) {
        output.warn(fmt::format("Python's variables are not known: {}", error.message()));
        return std::nullopt;
    }
}

// Of Python; nothing if no agent in the process sees it.
std::optional<HolderReport> python_report(int pid, Nanoseconds since, const Interruption& interruption, Output& output) {
    const bool grows = since > Nanoseconds::zero();
    if (!heap::has_python_agent(pid))
        return grows ? attached_report(pid, since, interruption, output) : report_of_all(pid, interruption, output);
    require_copy(pid);
    const Nanoseconds begin = system_clock().monotonic();
    output.progress("holders", "searching a copy of the process");
    std::optional<HolderReport> report = heap::find_python_holders(pid, grows ? Nanoseconds::zero() : heap::kAllObjects);
    if (!report) return report;
    detail_report(output, *report);
    if (!grows || !wait_for(since, interruption, output)) return report;
    std::optional<HolderReport> later = heap::find_python_holders(pid, begin);
    if (!later) return report;
    detail_report(output, *later);
    return heap::growth_between_searches(*report, *std::move(later), since);
}

}  // namespace

Run declare_holders(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kHoldersForm);
    struct Arguments {
        std::string core;
        int pid = 0;
        Nanoseconds since{};
        bool lost = false;
    };
    auto arguments = std::make_shared<Arguments>();
    auto* const core = app.add_option("core", arguments->core, "Core file to examine, by the kernel or by gcore")->type_name("FILE");
    auto* const pid = add_process_option(app, arguments->pid, "Process to examine")->excludes(core);
    add_duration(app, "--since", arguments->since, "Take two snapshots this far apart and rank by growth")->needs(pid);
    app.add_flag("--lost", arguments->lost, "Also list unreachable blocks, by type or size");
    output->add_top(app, "Holders in the list");
    return [=](const Interruption& interruption) -> int {
        if (pid->count() + core->count() == 0)
            throw Error(ErrorKind::usage, "leakline holders", "needs --pid or a core file", "leakline holders --pid 1234");
        output->open();
        output->options().lost = arguments->lost;
        std::optional<HolderReport> python;
        if (pid->count() > 0) python = python_report(arguments->pid, arguments->since, interruption, *output);
        HolderReport report = python             ? std::move(*python)
                              : pid->count() > 0 ? native_report(arguments->pid, arguments->since, interruption, *output)
                                                 : core_report(arguments->core, interruption, *output);
        output->end_progress();
        for (const std::string& warning : report.warnings) output->warn(warning);
        output->write(std::move(report));
        return kNoLeak;
    };
}

}  // namespace leakline::cli
