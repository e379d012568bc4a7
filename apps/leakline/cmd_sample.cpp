// leakline sample: memory over time, of a process or of a command that it starts.
#include <sys/prctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/process.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "memory/beat.hpp"
#include "memory/samples_file.hpp"
#include "memory/source.hpp"

namespace leakline::cli {

namespace {

struct SampleCommand {
    std::vector<int> pids;
    std::vector<std::string> command;
    std::string interval = "100ms", detail_interval = "1s", duration;
    std::vector<std::string> metrics = {"rss"};
    std::vector<std::string> outputs;
};

Nanoseconds positive_duration(const std::string& option, const std::string& text) {
    const auto value = parse_duration(text);
    if (!value || *value <= Nanoseconds::zero())
        throw Error(ErrorKind::usage, option, "'" + printable(text) + "' is not a duration above 0",
                    "for example 100ms, 30s, 1h30m");
    return *value;
}

std::vector<Metric> metrics_of(const std::vector<std::string>& names) {
    std::vector<std::string> known;
    for (std::size_t i = 0; i < kMetricCount; ++i) known.emplace_back(metric_name(static_cast<Metric>(i)));
    std::vector<Metric> metrics;
    for (const std::string& name : names) {
        const auto metric = metric_of_name(name);
        if (!metric)
            throw Error(ErrorKind::usage, "--metrics",
                        "unknown metric '" + printable(name) + "'" + did_you_mean_text(name, known),
                        fmt::format("{}", fmt::join(known, ",")));
        if (std::find(metrics.begin(), metrics.end(), *metric) == metrics.end()) metrics.push_back(*metric);
    }
    return metrics;
}

Command command_of(const SampleCommand& options, bool samples_on_stdout) {
    Command command;
    command.arguments = options.command;
    // Our results own stdout then; the command's go where its messages go.
    if (samples_on_stdout) command.before_exec = [] { return ::dup2(STDERR_FILENO, STDOUT_FILENO) >= 0; };
    return command;
}

int run_sample(const SampleCommand& options) {
    const Nanoseconds interval = positive_duration("--interval", options.interval);
    const Nanoseconds detail_interval = positive_duration("--detail-interval", options.detail_interval);
    const std::vector<Metric> metrics = metrics_of(options.metrics);
    if (options.pids.empty() == options.command.empty())
        throw Error(ErrorKind::usage, "leakline sample",
                    options.pids.empty() ? "nothing to sample" : "both --pid and a command to start",
                    "leakline sample --pid 1234, or leakline sample -- CMD ARG...");

    const std::vector<std::string> paths = options.outputs.empty() ? std::vector<std::string>{"-"} : options.outputs;
    std::vector<std::unique_ptr<memory::SampleFile>> files;
    bool on_stdout = false;
    for (const std::string& path : paths) {
        files.push_back(std::make_unique<memory::SampleFile>(path));
        on_stdout = on_stdout || path == "-";
    }

    std::optional<Child> child;
    int pid = 0;
    std::string text = "pid";
    if (options.command.empty()) {
        pid = options.pids.front();
    } else {
        const Command command = command_of(options, on_stdout);
        text = command.text();
        child.emplace(Child::start(command));
        pid = child->pid();
    }
    const auto source = memory::process_source(pid, metrics);
    for (auto& file : files) {
        memory::SampleLayout layout;
        layout.format = memory::sample_format_of(file->path());
        layout.metrics = metrics;
        layout.command = child ? text : source->subject().name;
        layout.microseconds = interval < std::chrono::milliseconds(10);
        layout.main_pid = pid;
        file->begin(layout);
    }

    ::prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    Clock& clock = system_clock();
    const Nanoseconds start = clock.monotonic();
    const Nanoseconds end =
        options.duration.empty() ? Nanoseconds::max() : start + positive_duration("--duration", options.duration);
    memory::Beat beat(start, interval), detail(start, detail_interval);
    const memory::MemorySource::Sink sink = [&](const memory::Subject& subject, const MemorySample& sample) {
        for (auto& file : files) file->add(subject, sample);
    };
    bool gone = false;
    while (interruption::received() == 0) {
        const Nanoseconds now = clock.monotonic();
        if (now >= end) break;
        const bool detailed = detail.is_due(now);
        gone = !source->read(detailed ? memory::Depth::detailed : memory::Depth::quick, clock.wall(), sink);
        if (gone) break;
        for (auto& file : files) file->end_tick();
        if (detailed) detail.taken(now);
        beat.taken(clock.monotonic());
        while (clock.monotonic() < std::min(beat.due(), end) && interruption::received() == 0)
            clock.sleep_until(std::min(beat.due(), end));
    }
    for (auto& file : files) file->finish();

    const std::string who = fmt::format("{} (pid {})", source->subject().name, pid);
    if (gone && child)
        fmt::print(stderr, "leakline: {} ended with {}; sampling ends\n", who, child->wait().text());
    else if (gone)
        fmt::print(stderr, "leakline: {} has ended; sampling ends\n", who);
    fmt::print(stderr, "leakline: {} samples of {}{}\n", format_count(files.front()->ticks()), who,
               beat.missed() > 0 ? fmt::format(", {} ticks came too late and were left out", beat.missed()) : "");
    const int signal = interruption::received();
    return signal != 0 ? kInterrupted + signal : 0;
}

}  // namespace

Run declare_sample(CLI::App& app) {
    auto options = std::make_shared<SampleCommand>();
    app.add_option("--pid", options->pids, "sample the process with this pid")->expected(1);
    app.add_option("command", options->command, "command to start and sample, after --");
    app.add_option("--interval", options->interval, "time between samples, down to 1ms")->capture_default_str();
    app.add_option("--detail-interval", options->detail_interval,
                   "time between samples of what costs a walk of the page tables (pss, uss, ...)")
        ->capture_default_str();
    app.add_option("--metrics", options->metrics, "what to sample: rss,pss,uss,anonymous,file,shmem,swap,cgroup,...")
        ->delimiter(',')
        ->capture_default_str();
    app.add_option("--duration", options->duration, "stop after this time");
    app.add_option("-o,--output", options->outputs, "file to write (.csv, mprof's .dat, OpenMetrics .om); repeatable")
        ->allow_extra_args(false);
    return [options] { return run_sample(*options); };
}

}  // namespace leakline::cli
