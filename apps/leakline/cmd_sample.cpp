// leakline sample: memory over time, of processes, process trees and cgroups, or of a command that it starts.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "choice.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "live_display.hpp"
#include "memory/exporter.hpp"
#include "memory/forward_time.hpp"
#include "memory/limit.hpp"
#include "memory/sampler.hpp"
#include "output.hpp"
#include "process_option.hpp"
#include "quantity_options.hpp"
#include "sample_alerts.hpp"
#include "sample_outputs.hpp"
#include "sample_resources.hpp"
#include "sample_targets.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/clock.hpp"
#include "system/guard.hpp"

namespace leakline::cli {

namespace {

using memory::MemorySource;
using memory::Subject;

struct SampleCommand {
    SampleTargets targets;
    memory::SamplePlan plan;
    std::vector<std::string> metrics;
    std::vector<std::string> outputs;
    memory::Retention retention;
    std::optional<Bytes> max_size, memory_limit;
    std::string listen;
    bool live = false;
    AlertSettings alerts;
};

// One run of the command: what is watched, and where the samples go.
class Sampling {
  public:
    Sampling(const SampleCommand& options, Messages& messages, const std::stop_token& stop)
        : options_(options),
          messages_(messages),
          stop_(stop),
          metrics_(chosen_metrics(options)),
          alerts_(options.alerts, options.memory_limit, stop),
          outputs_(output_paths(options), retention(options)),
          resources_(metrics_) {
        if (!options.listen.empty()) exporter_ = std::make_unique<memory::Exporter>(options.listen, metrics_);
    }

    int run() {
        start_targets();
        start_outputs();
        for (const Target& target : targets_)
            resources_.watch(target.source->subject().pid, options_.targets.children != ChildrenMode::none);
        watch();
        outputs_.finish();
        if (live_) live_->finish();
        report();
        return kNoLeak;
    }

  private:
    struct Target {
        std::unique_ptr<MemorySource> source;
        bool gone = false;
    };

    static std::vector<Metric> chosen_metrics(const SampleCommand& options) {
        if (!options.metrics.empty()) return with_limits(metrics_of(options.metrics));
        const SampleTargets& targets = options.targets;
        const bool processes = !targets.pids.empty() || !targets.names.empty() || !targets.ports.empty() || !targets.command.empty();
        const bool cgroups = !targets.cgroups.empty() || !targets.containers.empty();
        if (processes && cgroups) return {Metric::rss, Metric::cgroup};
        return {cgroups ? Metric::cgroup : Metric::rss};
    }

    // Results go to standard output; but a live view or an exporter is a result as well.
    static std::vector<std::string> output_paths(const SampleCommand& options) {
        if (!options.outputs.empty() || options.live || !options.listen.empty()) return options.outputs;
        return {"-"};
    }

    static memory::Retention retention(const SampleCommand& options) {
        memory::Retention retention = options.retention;
        if (options.max_size) retention.max_bytes = *options.max_size;
        if (options.max_size && retention.mode == memory::Retention::Mode::all)
            throw Error(ErrorKind::usage, "--max-size", "has no effect without --keep rotate or --keep thin");
        return retention;
    }

    void start_targets() {
        check_targets(options_.targets);
        if (options_.live && outputs_.on_standard_output())
            throw Error(ErrorKind::usage, "--live", "both the live view and the samples would go to standard output",
                        "-o samples.csv keeps the samples");
        if (outputs_.on_standard_output() && options_.targets.cgroups.size() + options_.targets.containers.size() > 1)
            throw Error(ErrorKind::usage, "leakline sample", "rows of several cgroups cannot be distinguished on standard output",
                        "-o samples.csv makes a file for each");
        if (options_.targets.command.empty()) {
            for (auto& source : open_targets(options_.targets, metrics_)) targets_.push_back({std::move(source)});
            return;
        }
        Command command;
        command.arguments = options_.targets.command;
        // Our results own standard output then; the command's go where its messages go.
        if (outputs_.on_standard_output() || options_.live) command.before_exec = [] { return ::dup2(STDERR_FILENO, STDOUT_FILENO) >= 0; };
        if (options_.memory_limit) {
            limit_.emplace(memory::MemoryLimit::create(*options_.memory_limit));
            if (!limit_->warning().empty()) messages_.warn(limit_->warning());
            limit_->put_on(command);
        }
        command_text_ = command.text();
        leave_programs_running();
        child_.emplace(Child::start(command));
        targets_.push_back({open_process(child_->pid(), metrics_, options_.targets.children)});
    }

    void start_outputs() {
        memory::SampleLayout layout;
        layout.metrics = metrics_;
        layout.microseconds = options_.plan.interval < std::chrono::milliseconds(10);
        const Subject& first = targets_.front().source->subject();
        layout.command = child_ ? command_text_ : printable(first.name);
        layout.main_pid = first.pid;
        const bool apart = options_.targets.children == ChildrenMode::each;
        outputs_.begin(layout, targets_.size() > 1 ? SampleOutputs::Processes::several
                               : apart             ? SampleOutputs::Processes::one_tree
                                                   : SampleOutputs::Processes::one);
        if (exporter_) messages_.note("metrics at " + exporter_->url());
        log_plan();
    }

    void log_plan() {
        for (const Target& target : targets_) messages_.detail("sampling " + name_of(target.source->subject()));
        std::string names;
        for (const Metric metric : metrics_) names += fmt::format("{}{}", names.empty() ? "" : ", ", metric_name(metric));
        messages_.detail(fmt::format("reads {} every {}, metrics that need a page-table walk every {}", names,
                                     format_duration(options_.plan.interval), format_duration(options_.plan.detail_interval)));
    }

    void watch() {
        const Nanoseconds start = system_clock().monotonic();
        if (options_.live) live_ = std::make_unique<LiveDisplay>(metrics_, options_.memory_limit, start);
        memory::ForwardTime time;
        const MemorySource::Sink sink = [this](const Subject& subject, const MemorySample& sample) { take(subject, sample); };
        std::uint64_t done = 0;
        ticks_ = memory::sample_steadily(options_.plan, stop_, [&](Depth depth, Nanoseconds now) {
            if (!read_all(depth, time.at(system_clock().wall(), now), sink)) return false;
            resources_.tick(now);
            outputs_.end_tick();
            if (exporter_) exporter_->end_tick();
            if (live_) live_->tick(now);
            show_progress(++done, now - start);
            return true;
        });
    }

    // Where nothing else on the terminal says that it goes on.
    void show_progress(std::uint64_t done, Nanoseconds spent) {
        if (live_ || outputs_.on_standard_output() || child_ || options_.alerts.at) return;
        messages_.progress(
            "sample",
            fmt::format("{} samples{}", format_count(done), rss_ ? fmt::format(", {}", format_bytes(static_cast<double>(*rss_))) : ""),
            options_.plan.duration ? std::optional(to_seconds(spent) / to_seconds(*options_.plan.duration)) : std::nullopt);
    }

    // False when nothing is left to sample.
    bool read_all(Depth depth, Nanoseconds at, const MemorySource::Sink& sink) {
        bool any = false;
        for (Target& target : targets_) {
            if (target.gone) continue;
            target.gone = !target.source->read(depth, at, sink);
            any = any || !target.gone;
            if (target.gone && !child_) messages_.note(name_of(target.source->subject()) + " has exited");
        }
        return any;
    }

    void take(const Subject& subject, const MemorySample& sample) {
        outputs_.add(subject, sample);
        if (exporter_) exporter_->publish(subject, sample);
        if (live_) live_->add(subject, sample);
        alerts_.observe(subject, sample);
        for (std::size_t i = 0; i < kMetricCount; ++i) ever_read_[i] = ever_read_[i] || sample.values[i].has_value();
        if (const auto& rss = sample[Metric::rss]) {
            rss_ = rss;
            peak_ = std::max(peak_.value_or(0), *rss);
        }
    }

    void report() {
        const std::vector<std::string> grown = resources_.lines();
        if (child_ && targets_.front().gone) {
            const ExitStatus status = child_->wait();
            const std::string how = limit_ ? limit_->termination_of(status, peak_).text : "ended with " + status.text();
            const std::string text = fmt::format("{} {}; sampling stopped", name_of(targets_.front().source->subject()), how);
            if (status.shell_code() == 0)
                messages_.note(text);
            else
                messages_.warn(text);
        }
        for (const Metric metric : metrics_)
            if (ticks_.taken > 0 && !ever_read_[static_cast<std::size_t>(metric)])
                messages_.warn(fmt::format("{} could not be read: {}", metric_name(metric), why_unread(metric)));
        const auto& files = outputs_.written();
        messages_.note(
            fmt::format("{} samples{}{}", format_count(ticks_.taken), files.empty() ? "" : fmt::format(" in {}", fmt::join(files, ", ")),
                        ticks_.missed > 0 ? fmt::format("; {} were skipped because they were late", format_count(ticks_.missed)) : ""));
        for (const std::string& line : grown) messages_.note("grew: " + line);
    }

    static std::string why_unread(Metric metric) {
        switch (metric) {
            case Metric::pss:
            case Metric::uss: return "smaps_rollup needs the same user or root, and Linux 4.14";
            case Metric::fds: return "/proc/PID/fd needs the same user or root";
            case Metric::mappings: return "/proc/PID/maps needs the same user or root";
            case Metric::fds_limit:
            case Metric::threads_limit:
            case Metric::mappings_limit:
            case Metric::processes_limit:
            case Metric::cgroup_limit: return "no limit is set";
            case Metric::cgroup:
            case Metric::cgroup_anonymous:
            case Metric::cgroup_oom_kills:
            case Metric::cgroup_limit_hits: return "the target is not in a memory cgroup that is visible here";
            case Metric::malloc_used:
            case Metric::malloc_retained:
                return "needs glibc's malloc, and the right to read the process's memory (the same user and "
                       "kernel.yama.ptrace_scope 0, or root)";
            default: return "not available for this target";
        }
    }

    const SampleCommand& options_;
    Messages& messages_;
    const std::stop_token stop_;
    std::vector<Metric> metrics_;
    SampleAlerts alerts_;
    SampleOutputs outputs_;
    SampleResources resources_;
    std::unique_ptr<memory::Exporter> exporter_;
    std::unique_ptr<LiveDisplay> live_;
    std::optional<memory::MemoryLimit> limit_;  // outlives the child
    std::optional<Child> child_;
    std::string command_text_;
    std::vector<Target> targets_;
    std::array<bool, kMetricCount> ever_read_{};
    std::optional<Bytes> rss_, peak_;  // of the newest sample that has it, and the largest
    memory::SampledTicks ticks_;
};

}  // namespace

Run declare_sample(CLI::App& app) {
    auto options = std::make_shared<SampleCommand>();
    auto messages = std::make_shared<Messages>(app);
    SampleTargets& targets = options->targets;
    add_process_option(app, targets.pids, "Process to sample");
    app.add_option("--name", targets.names, "Sample the processes of this program name")->type_name("NAME");
    app.add_option("--port", targets.ports, "Sample the process that listens on this TCP port")->type_name("PORT");
    app.add_option("--cgroup", targets.cgroups, "Memory cgroup to sample: its directory, or its path in the hierarchy")->type_name("DIR");
    app.add_option("--container", targets.containers, "Container to sample, by its ID")->type_name("ID");
    app.add_option("command", targets.command, "Command to start and sample, after --")->type_name("CMD ARG...");
    app.add_option("--children", targets.children, "Include all descendants: as a sum (sum) or separately (each)")
        ->transform(choice_of<ChildrenMode>({{"sum", ChildrenMode::sum}, {"each", ChildrenMode::each}}))
        ->type_name("sum|each")
        ->expected(0, 1)
        ->default_str("sum");
    add_duration(app, "--interval", options->plan.interval, "Time between samples, at least 1ms");
    add_duration(app, "--detail-interval", options->plan.detail_interval,
                 "Time between samples of the metrics for which the kernel walks the page tables (pss, uss, ...)");
    app.add_option(
           "--metrics", options->metrics,
           "Metrics, separated by commas: rss (default), pss, uss, anonymous, file, shmem, swap, cgroup, cgroup_anonymous, cgroup_limit, "
           "cgroup_oom_kills, cgroup_limit_hits, malloc_used, malloc_retained, threads, fds, mappings, processes, or all; the last four "
           "include their limits")
        ->type_name("NAMES")
        ->delimiter(',');
    add_duration(app, "--duration", options->plan.duration, "Stop after this time");
    app.add_option("-o,--output", options->outputs, "Write samples to this file: .csv, .dat (mprof) or .om (OpenMetrics)")
        ->type_name("FILE");
    using Keep = memory::Retention::Mode;
    app.add_option("--keep", options->retention.mode,
                   "When a file reaches --max-size: rotate it to FILE.1, FILE.2, ..., or thin it to every second sample (default: all)")
        ->transform(choice_of<Keep>({{"all", Keep::all}, {"rotate", Keep::rotate}, {"thin", Keep::thin}}))
        ->type_name("all|rotate|thin");
    add_size(app, "--max-size", options->max_size, "Maximum file size for --keep (default: 64MiB)");
    app.add_option("--listen", options->listen, "Serve the samples to Prometheus, such as 127.0.0.1:9200 or :9200")
        ->type_name("[ADDRESS]:PORT");
    add_size(app, "--memory-limit", options->memory_limit,
             "Run the command in a memory cgroup with this limit; with --live, show the time until it is reached");
    add_alert_options(app, options->alerts);
    app.add_flag("--live", options->live, "Show a sparkline, the slope and the time to the limit");
    return [=](const Interruption& interruption) {
        messages->open();
        Sampling sampling(*options, *messages, interruption.stop);
        return sampling.run();
    };
}

}  // namespace leakline::cli
