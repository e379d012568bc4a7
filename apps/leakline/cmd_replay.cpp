// leakline replay: sends a recorded log to an HTTP service and accounts for every request.
#include <fmt/format.h>

#include <memory>
#include <thread>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "http/message.hpp"
#include "output.hpp"
#include "overwriting.hpp"
#include "pace.hpp"
#include "quantities.hpp"
#include "replay/dry_run.hpp"
#include "replay/log.hpp"
#include "replay/replay.hpp"

namespace leakline::cli {

namespace {

struct ReplayCommand {
    replay::ReplayOptions replay;
    std::string pace = "recorded", speed = "1x";
    std::optional<double> max_failures;
    std::vector<std::string> allow_paths, deny_paths, rewrites, set_headers;
    std::string key, session, shard, expect, histogram;
    bool insecure = false, dry_run = false;
};

// Turns the texts of the command line into the shape of the traffic. Throws Error{usage}.
void parse_shape(const ReplayCommand& command, replay::ShapeOptions& shape) {
    for (const std::string& text : command.allow_paths) shape.paths.emplace_back("--allow-path", text);
    for (const std::string& text : command.deny_paths) shape.not_paths.emplace_back("--deny-path", text);
    for (const std::string& text : command.rewrites) shape.rewrites.push_back(replay::parse_path_rewrite(text));
    if (!command.key.empty()) shape.key = replay::parse_record_key("--by", command.key);
    if (!command.session.empty()) shape.session = replay::parse_record_key("--session", command.session);
    if (!command.shard.empty()) shape.shard = replay::parse_shard(command.shard);
    for (const std::string& text : command.set_headers) {
        const std::size_t colon = text.find(':');
        if (colon == text.npos || colon == 0)
            throw Error(ErrorKind::usage, "--header", "'" + printable(text) + "' is not NAME: VALUE");
        const std::string_view name = trim(std::string_view(text).substr(0, colon)), value = trim(std::string_view(text).substr(colon + 1));
        if (http::equal_ignoring_case(name, "host")) shape.host = value;
        else shape.set_headers.emplace_back(name, value);
    }
}

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
    parse_shape(command, options.shape);
    if (!command.expect.empty()) options.expect = replay::parse_status_check(command.expect);
    if (command.max_failures) options.max_failures = *command.max_failures;
    if (command.dry_run) {
        if (!command.histogram.empty())
            throw Error(ErrorKind::usage, "--histogram", "a dry run has no latencies to write", "leave --dry-run or --histogram out");
        output.open(options.logs);
        output.require_text_or_json("--dry-run");
        const replay::DryRun result = replay::dry_run(options);
        output.write(replay::dry_run_text(result), replay::dry_run_json(result));
        const int signal = interruption::received();
        return signal != 0 ? kInterrupted + signal : kNoLeak;
    }
    if (options.target.empty())
        throw Error(ErrorKind::usage, "leakline replay", "no target to send to", "--target http://127.0.0.1:8080");
    if (!command.histogram.empty()) refuse_to_overwrite({command.histogram}, options.logs);
    output.open(options.logs);
    std::optional<OutputFile> histogram_file;
    replay::Histogram latency;
    if (!command.histogram.empty()) {
        histogram_file.emplace(command.histogram);
        options.latency = &latency;
    }
    output.detail(fmt::format("{} at pace {}, {}, up to {} connections", fmt::join(options.logs, ", "), command.pace,
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
        histogram_file->write(latency.percentile_text());
        histogram_file->commit();
    }
    for (const std::string& reason : stats.reasons) output.warn("the measurement is invalid: " + reason);
    const int signal = interruption::received();
    if (signal != 0) return kInterrupted + signal;
    if (!stats.valid) return kInvalid;
    if (stats.unexpected == 0) return kNoLeak;
    output.warn(fmt::format("{} of {} responses had another status than {}", format_count(stats.unexpected),
                            format_count(stats.completed), command.expect));
    return kLeak;
}

}  // namespace

Run declare_replay(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kReplayForm);
    auto command = std::make_shared<ReplayCommand>();
    replay::ReplayOptions& options = command->replay;
    app.add_option("log", options.logs, "request logs, merged by time (plain, gzip or zstd; - is standard input)")
        ->required()
        ->type_name("LOG");
    app.add_option("--target", options.target, "http://host:port, https://host or unix:/path/of.sock");
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
    app.add_option("--map", options.log_map,
                   "members of a JSON access log: ts=.msec,url=.request_uri,... or nginx or envoy");

    replay::ShapeOptions& shape = options.shape;
    const char* const shaping = "Shaping";
    app.add_option("--allow-method", shape.methods, "send these methods only")->allow_extra_args(false)->delimiter(',')->group(shaping);
    app.add_option("--deny-method", shape.not_methods, "leave these methods out")->allow_extra_args(false)->delimiter(',')->group(shaping);
    app.add_option("--allow-path", command->allow_paths, "send only if this regex (Perl's syntax) matches in path and query; repeatable")
        ->allow_extra_args(false)
        ->group(shaping);
    app.add_option("--deny-path", command->deny_paths, "leave out if this regex matches in path and query; repeatable")
        ->allow_extra_args(false)
        ->group(shaping);
    add_fraction(app, "--sample", shape.sample, "send this part of the users (see --by): 10%")->group(shaping);
    app.add_option("--shard", command->shard, "send part INDEX of COUNT (see --by): 0/4")->group(shaping);
    app.add_option("--by", command->key,
                   "what tells users apart for --sample and --shard: header:NAME, cookie:NAME, query:NAME, field:NAME of the "
                   "JSON body, path, conn")
        ->group(shaping);
    app.add_option("--session", command->session,
                   "keep what has the same header:NAME, cookie:NAME, query:NAME, field:NAME or path on one connection, in order")
        ->group(shaping);
    app.add_option("--rewrite-path", command->rewrites, "REGEX=>REPLACEMENT: replace the first match in path and query, $1 is the first group; repeatable")
        ->allow_extra_args(false)
        ->group(shaping);
    app.add_option("--header", command->set_headers, "NAME: VALUE to set in every request; repeatable")
        ->allow_extra_args(false)
        ->group(shaping);
    app.add_option("--drop-header", shape.drop_headers, "leave this header out; repeatable")
        ->allow_extra_args(false)
        ->group(shaping);
    app.add_option("--host", shape.host, "the Host header, instead of the target's")->group(shaping);
    app.add_flag("--keep-host", shape.keep_host, "the recorded Host header, where there is one")->group(shaping);
    app.add_flag("--allow-empty-body", shape.allow_empty_body,
                 "send requests without the body that the log does not have, instead of leaving them out")
        ->group(shaping);

    app.add_option("--expect-status", command->expect,
                   "statuses to expect: 200, 2xx,304, recorded; others are counted, and end with exit code 1");
    app.add_option("--histogram", command->histogram, "write the latencies as HdrHistogram's percentile text");
    app.add_flag("--dry-run", command->dry_run, "say what would be sent (--format text or json), and send nothing");
    app.add_option("--ca-file", options.ca_file, "trust the issuers in this PEM file for https")->check(CLI::ExistingFile);
    app.add_flag("--insecure", command->insecure, "do not verify https certificates");
    return [=] { return run_replay(*command, *output); };
}

}  // namespace leakline::cli
