// leakline replay: sends a recorded log to an HTTP service and accounts for every request.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <thread>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "output.hpp"
#include "overwriting.hpp"
#include "quantity_options.hpp"
#include "replay/dry_run.hpp"
#include "replay/log.hpp"
#include "replay/replay.hpp"
#include "report/percentile_text.hpp"
#include "system/clock.hpp"
#include "system/output_file.hpp"
#include "traffic_options.hpp"

namespace leakline::cli {

namespace {

struct ReplayCommand {
    explicit ReplayCommand(CLI::App& app) : traffic(app, replay, TrafficOptions::Scope::sending) {}

    replay::ReplayOptions replay;
    TrafficOptions traffic;
    std::string histogram;
    bool dry_run = false;
};

// Redraws the progress line while the replay runs on the main thread.
class ProgressLine {
  public:
    ProgressLine(Output& output, const replay::ReplayOptions& options) : output_(output), options_(options) {
        drawing_ = std::thread([this] { draw(); });
    }
    ~ProgressLine() {
        done_.store(true);
        drawing_.join();
        output_.end_progress();
    }

  private:
    void draw() {
        const replay::Progress& progress = *options_.progress;
        std::uint64_t before = 0;
        Nanoseconds then = system_clock().monotonic();
        const Nanoseconds start = then;
        double rate = 0;
        while (!done_.load()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            const Nanoseconds now = system_clock().monotonic();
            const std::uint64_t completed = progress.completed.load();
            const double recent = static_cast<double>(completed - before) / std::chrono::duration<double>(now - then).count();
            rate = before == 0 ? recent : 0.7 * rate + 0.3 * recent;
            before = completed;
            then = now;
            const std::uint64_t failed = progress.failed.load();
            std::string text = fmt::format("{:.0f}/s, {} sent, lag {}{}", rate, format_count(progress.sent.load()),
                                           format_duration(Nanoseconds(progress.lag_ns.load())),
                                           failed == 0 ? "" : fmt::format(", {} failed", format_count(failed)));
            if (options_.rounds > 1) text = fmt::format("round {} of {}: {}", progress.round.load(), options_.rounds, text);
            output_.progress("replay", text, fraction(now - start));
        }
    }

    std::optional<double> fraction(Nanoseconds elapsed) const {
        const double part = options_.progress->part.load();
        std::optional<double> done;
        if (part > 0) done = part;
        if (options_.duration) {
            const double of_time = std::chrono::duration<double>(elapsed) / std::chrono::duration<double>(*options_.duration);
            done = std::min(1.0, std::max(of_time, part));
        }
        return done;
    }

    Output& output_;
    const replay::ReplayOptions& options_;
    std::atomic<bool> done_{false};
    std::thread drawing_;
};

int run_replay(ReplayCommand& command, Output& output, const std::stop_token& stop) {
    replay::ReplayOptions& options = command.replay;
    command.traffic.apply();
    options.stop = stop;
    if (command.dry_run) {
        if (!command.histogram.empty())
            throw Error(ErrorKind::usage, "--histogram", "a dry run has no latencies to write", "remove --dry-run or --histogram");
        output.open(options.logs, report::kDryRunForm);
        output.write(replay::dry_run(options));
        return kNoLeak;
    }
    if (options.target.empty()) throw Error(ErrorKind::usage, "leakline replay", "no target to send to", "--target http://127.0.0.1:8080");
    if (!command.histogram.empty()) refuse_to_overwrite({command.histogram}, options.logs);
    output.open(options.logs);
    std::optional<OutputFile> histogram_file;
    replay::Histogram latency;
    if (!command.histogram.empty()) {
        histogram_file.emplace(command.histogram);
        options.latency = &latency;
    }
    output.detail(fmt::format("{} at pace {}, {}, up to {} connections", fmt::join(options.logs, ", "), command.traffic.pace(),
                              options.rounds == 1 ? "once" : fmt::format("{} rounds", options.rounds), options.connections));
    replay::Progress progress;
    options.progress = &progress;
    ReplayStats stats;
    try {
        const ProgressLine line(output, options);
        stats = replay::run(options);
    } catch (const replay::ReplayEnded& ended) {
        output.write(ended.so_far());
        throw;
    }
    output.write(stats);
    if (histogram_file) {
        histogram_file->write(report::percentile_text(latency.distribution()));
        histogram_file->commit();
    }
    for (const std::string& reason : stats.reasons) output.warn("the measurement is invalid: " + reason);
    if (!stats.valid) return kInvalid;
    if (stats.unexpected == 0) return kNoLeak;
    output.warn(fmt::format("{} of {} responses had another status than {}", format_count(stats.unexpected), format_count(stats.completed),
                            command.traffic.expected_statuses()));
    return kLeak;
}

}  // namespace

Run declare_replay(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kReplayForm);
    auto command = std::make_shared<ReplayCommand>(app);
    replay::ReplayOptions& options = command->replay;
    command->traffic.add_logs(app);
    app.add_option("--target", options.target, "URL of the service: http://host:port, https://host or unix:/path/of.sock")
        ->type_name("URL");
    app.add_option("--rounds", options.rounds, "Number of times to send the whole log; 0: until --duration or Ctrl-C")
        ->type_name("N")
        ->capture_default_str();
    add_duration(app, "--duration", options.duration, "Stop sending after this time");
    add_duration(app, "--grace", options.grace, "Time for requests in progress to finish when the replay is stopped");
    add_duration(app, "--max-lag", options.max_lag, "Declare the run invalid (exit code 4) if the p99 of the send lag is larger");
    app.add_option("--histogram", command->histogram, "Write the latencies as HdrHistogram percentiles")->type_name("FILE");
    app.add_flag("--dry-run", command->dry_run, "Print what would be sent (--format text or json), and send nothing");
    return [=](const Interruption& interruption) { return run_replay(*command, *output, interruption.stop); };
}

}  // namespace leakline::cli
