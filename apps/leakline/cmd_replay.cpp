// leakline replay: sends a recorded log to an HTTP service and accounts for every request.
#include <fmt/format.h>

#include <memory>
#include <thread>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "output.hpp"
#include "pace.hpp"
#include "quantities.hpp"
#include "replay/log.hpp"
#include "replay/replay.hpp"

namespace leakline::cli {

namespace {

struct ReplayCommand {
    replay::ReplayOptions replay;
    std::string pace = "recorded", speed = "1x";
    std::optional<double> max_failures;
    bool insecure = false;
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

int run_replay(ReplayCommand& command, Output& output) {
    replay::ReplayOptions& options = command.replay;
    options.pace = parse_pace(command.pace, command.speed);
    options.verify_certificate = !command.insecure;
    if (command.max_failures) options.max_failures = *command.max_failures;
    output.open();
    replay::Progress progress;
    options.progress = &progress;
    ReplayStats stats;
    {
        const ProgressLine line(output, options);
        stats = replay::run(options);
    }
    output.write(stats);
    for (const std::string& reason : stats.reasons) output.warn("the measurement is invalid: " + reason);
    const int signal = interruption::received();
    if (signal != 0) return kInterrupted + signal;
    return stats.valid ? kNoLeak : kInvalid;
}

}  // namespace

Run declare_replay(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kReplayForm);
    auto command = std::make_shared<ReplayCommand>();
    replay::ReplayOptions& options = command->replay;
    app.add_option("log", options.logs, "request logs, merged by time (plain, gzip or zstd; - is standard input)")
        ->required()
        ->type_name("LOG");
    app.add_option("--target", options.target, "http://host:port, https://host or unix:/path/of.sock")->required();
    app.add_option("--pace", command->pace, "recorded, max, or a rate such as 500/s (open loop)")->capture_default_str();
    app.add_option("--speed", command->speed, "recorded pace this many times faster: 10x")->capture_default_str();
    app.add_option("--connections", options.connections, "connections at most")->capture_default_str();
    app.add_option("--rounds", options.rounds, "the whole log this many times; 0: until --duration or Ctrl-C")
        ->capture_default_str();
    add_duration(app, "--duration", options.duration, "send nothing after this time");
    add_duration(app, "--timeout", options.timeout, "for each request, from its first attempt to its last byte");
    add_duration(app, "--grace", options.grace, "for requests under way when the replay is stopped");
    add_duration(app, "--max-gap", options.max_gap, "cut longer pauses of the log to this");
    add_duration(app, "--max-lag", options.max_lag, "a larger p99 of the send lag makes the run invalid (exit 4)");
    add_fraction(app, "--max-failures", command->max_failures,
                 "a larger share of failed requests makes the run invalid; 10% unless given");
    add_duration(app, "--give-up", options.give_up, "stop when for so long no connection could be made");
    app.add_option("--reorder", options.reorder, "records to look ahead, to put those out of order right")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    app.add_flag("--precise", options.precise, "send within microseconds of the due time; keeps a core busy");
    app.add_option("--max-bad-lines", options.max_bad_lines, "lines that cannot be read, more end the replay")
        ->capture_default_str();
    app.add_option("--log-format", options.log_format, "of the logs; by their content unless given");
    app.add_option("--ca-file", options.ca_file, "trust the issuers in this PEM file for https")->check(CLI::ExistingFile);
    app.add_flag("--insecure", command->insecure, "do not verify https certificates");
    return [=] { return run_replay(*command, *output); };
}

}  // namespace leakline::cli
