// leakline diagnose: the whole job, from a traffic log to the leaking line.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <memory>

#include "analysis/baseline.hpp"
#include "analysis/growth_gate.hpp"
#include "audited_cause.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/stage_progress.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "choice.hpp"
#include "clock_options.hpp"
#include "commands.hpp"
#include "details.hpp"
#include "diagnose/diagnose.hpp"
#include "exit_code.hpp"
#include "exit_policy.hpp"
#include "line_options.hpp"
#include "measuring_options.hpp"
#include "output.hpp"
#include "overwriting.hpp"
#include "process_option.hpp"
#include "quantity_options.hpp"
#include "reference_service.hpp"
#include "replay/traffic_generator.hpp"
#include "report/baseline_file.hpp"
#include "report/repository_paths.hpp"
#include "report/source_text.hpp"
#include "system/byte_source.hpp"
#include "system/clock.hpp"
#include "system/executables.hpp"
#include "system/output_file.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"
#include "tracker_options.hpp"
#include "traffic_options.hpp"

namespace leakline::cli {

namespace {

struct DiagnoseOptions {
    DiagnoseOptions(CLI::App& traffic_group, CLI::App& judgment)
        : traffic(traffic_group, run.rounds.replay, TrafficOptions::Scope::sending, "max"), exits(judgment) {}

    diagnose::Options run;
    TrafficOptions traffic;
    std::string mode = "leaky", warmup = "auto";
    std::vector<std::string> sources, audited, command;
    std::string baseline;
    std::vector<std::string> budgets;
    ExitPolicy exits;
    std::optional<Nanoseconds> soak, soak_time;
    ClockChoice clock;
    std::string still_filling = "inconclusive";
    bool no_holders = false;
};

// A run without a soak takes seconds, in which half an hour and an hourly sweep would never pass: what is held until
// then looks like a leak. At this scale both are over within 0.3 s, less than a round.
constexpr const char* kTimedCleaningScale = "20000";

std::vector<std::string> trackd_command(const std::string& mode, bool scaled) {
    const std::string trackd = require_reference_service("give a service: leakline diagnose --traffic LOG --target URL -- CMD ARG...");
    std::vector<std::string> words = {trackd, "--mode", mode, "--listen", "127.0.0.1:0", "--port-file", "{port_file}"};
    if (scaled)
        words.insert(words.end(), {"--time-scale", "{time_scale}"});
    else if (mode == "ttl")
        words.insert(words.end(), {"--time-scale", kTimedCleaningScale});
    return words;
}

// Where a soak is asked for: what it is to be.
void plan_soak(DiagnoseOptions& options) {
    if (!options.soak) {
        if (options.soak_time) throw Error(ErrorKind::usage, "--soak-time", "requires --soak", "for example --soak 72h");
        return;
    }
    if (options.traffic.own_pace())
        throw Error(ErrorKind::usage, "--soak", "cannot be combined with --pace and --speed", "--time-scale sets the speed of a soak");
    diagnose::SoakPlan& plan = options.run.soak.emplace();
    plan.length = *options.soak;
    if (options.soak_time) plan.time = *options.soak_time;
    plan.time_scale = options.clock.scale();
}

// The clock of the service. In a soak it follows the speed of the traffic.
void plan_clock(DiagnoseOptions& options) {
    diagnose::Options& run = options.run;
    run.target.clock = options.clock.options();
    run.clock_from_log = options.clock.from_log();
    const std::optional<double> scale = options.clock.scale();
    if (options.soak || !scale) return;
    run.target.time_scale = *scale;
    if (!scales_time(run.target))
        throw Error(ErrorKind::usage, "--time-scale", "has no effect with --clock real",
                    "write {time_scale} where the command takes a speed for its clock, or leave out --clock real");
}

void plan_runs(diagnose::Options& run) {
    if (run.runs != diagnose::Runs::one) return;
    if (run.tracker == heap::RecordWith::heaptrack)
        throw Error(ErrorKind::usage, "--runs", "1 cannot be combined with --tracker heaptrack, which takes too much memory and time",
                    "--runs 2, or --tracker agent");
    run.tracker = heap::RecordWith::agent;
}

std::optional<int> warmup_rounds(const std::string& text, int rounds) {
    if (text == "auto") return std::nullopt;
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0)
        throw Error(ErrorKind::usage, "--warmup", fmt::format("must be auto or a number of rounds, not '{}'", printable(text)));
    if (value + 3 > rounds)
        throw Error(ErrorKind::usage, "--warmup", fmt::format("ignoring {} of {} rounds leaves fewer than 3 to evaluate", value, rounds),
                    "for example --rounds " + std::to_string(value + 8));
    return value;
}

// "POST /api/track=16B/request"
analysis::EndpointBudget endpoint_budget(const std::string& text) {
    const std::size_t equals = text.rfind('=');
    const auto growth = equals == std::string::npos ? std::nullopt : parse_growth(trim(std::string_view(text).substr(equals + 1)));
    if (!growth || growth->per != Growth::Per::request)
        throw Error(ErrorKind::usage, "--budget", fmt::format("'{}' is not a kind of request and its growth per request", printable(text)),
                    "for example --budget 'POST /api/track=16B/request'");
    return {std::string(trim(std::string_view(text).substr(0, equals))), growth->bytes};
}

// The gates that the verdict has to pass; a leak is accepted if it passes all.
void apply_gates(Diagnosis& diagnosis, const std::vector<analysis::EndpointBudget>& budgets, const std::optional<Baseline>& baseline,
                 const std::string& name) {
    if (!budgets.empty()) analysis::hold_against_budgets(diagnosis, budgets);
    if (baseline) analysis::apply_baseline(diagnosis, *baseline, name, format_utc_date(system_clock().wall()));
    const auto passed = [](const Gate& gate) { return gate.outcome == GateOutcome::passed; };
    diagnosis.accepted = diagnosis.accepted && std::all_of(diagnosis.gates.begin(), diagnosis.gates.end(), passed);
}

// Of the repository that the service is built in, else of the one that it is started in (nothing of a service that runs already).
std::string commit_of(const std::string& program, bool starts) {
    for (const std::string& file : {find_executable(program).value_or(""), std::string(starts ? "./" : "")}) {
        const std::size_t folder = file.rfind('/');
        if (folder == std::string::npos) continue;
        if (std::string commit = report::head_commit(report::repository_root(file.substr(0, folder + 1))); !commit.empty()) return commit;
    }
    return {};
}

int exit_code(const Diagnosis& diagnosis, const ExitPolicy& exits, Output& output) {
    switch (diagnosis.verdict) {
        case Verdict::leak: return diagnosis.accepted ? kNoLeak : exits.leak();
        case Verdict::no_leak: return kNoLeak;
        case Verdict::invalid: return kInvalid;
        case Verdict::inconclusive: return exits.inconclusive(output, diagnosis.reasons.front());
    }
    return kInvalid;
}

// Some minutes of sample traffic, or for a soak a day with its curve.
replay::TrafficOptions sample_traffic(const std::optional<Nanoseconds>& soak) {
    replay::TrafficOptions traffic;
    traffic.requests = 2000;
    if (soak)
        traffic.requests =
            static_cast<std::uint64_t>(std::ceil(to_seconds(std::min<Nanoseconds>(*soak, std::chrono::hours(24))) * replay::kSampleRate));
    traffic.duration =
        std::chrono::duration_cast<Nanoseconds>(std::chrono::duration<double>(static_cast<double>(traffic.requests) / replay::kSampleRate));
    return traffic;
}

// What a service that runs already cannot be given.
void refuse_with_pid(const DiagnoseOptions& options) {
    const auto refuse = [](const char* option, const char* why) {
        throw Error(ErrorKind::usage, option, fmt::format("cannot be combined with --pid: {}", why), "leakline diagnose --help");
    };
    const diagnose::TargetSpec& target = options.run.target;
    if (!options.command.empty())
        throw Error(ErrorKind::usage, "leakline diagnose", "both a process and a service to start",
                    "leakline diagnose --pid 1234 --traffic LOG, or leakline diagnose --traffic LOG -- CMD ARG...");
    if (!target.setup.empty()) refuse("--setup", "nothing is started");
    if (!target.cleanup.empty()) refuse("--cleanup", "nothing is started");
    if (!target.stub_logs.empty()) refuse("--stub", "the addresses that the service calls are set when it starts");
    if (options.soak) refuse("--soak", "it starts the service twice");
    if (options.clock.scale() || options.clock.start != "now") refuse("--clock and --time-scale", "the service has its clock already");
    if (options.run.tracker == heap::RecordWith::heaptrack) refuse("--tracker", "heaptrack must be loaded at the start");
    if (options.run.runs == diagnose::Runs::two) refuse("--runs", "there is one run");
}

int run_diagnose(DiagnoseOptions& options, Output& output, const std::stop_token& stop) {
    const std::vector<std::string>& command = options.command;
    diagnose::Options& run = options.run;
    const bool attaches = run.target.pid != 0;
    if (attaches)
        refuse_with_pid(options);
    else
        run.target.arguments = command.empty() ? trackd_command(options.mode, options.soak || options.clock.scale()) : command;
    run.target.temporary_in_scratch = command.empty();  // trackd's database, where it is killed at its limit
    options.traffic.apply();
    run.rounds.replay.stop = stop;
    plan_soak(options);
    plan_clock(options);
    plan_runs(run);
    run.holders = !options.no_holders;
    run.policy.filling_is_leak = options.still_filling == "leak";
    run.warmup_rounds = warmup_rounds(options.warmup, run.rounds.rounds);
    report::SourceText sources(options.sources);
    if (attaches) sources.search_root_of(run.target.pid);
    const std::string program = attaches ? executable_of(run.target.pid) : run.target.arguments[0];
    sources.search_parents(attaches ? program : find_executable(program).value_or(""));
    if (command.empty() && !attaches) sources.search_parents(installed_file("lib"));  // trackd's sources
    std::vector<analysis::EndpointBudget> budgets;
    for (const std::string& text : options.budgets) budgets.push_back(endpoint_budget(text));
    std::optional<Baseline> baseline;
    if (!options.baseline.empty()) baseline = report::read_baseline(read_file(options.baseline, kReadLimit, stop), options.baseline);
    output.options().inconclusive = options.exits.when_inconclusive();
    std::vector<std::string> inputs = run.rounds.replay.logs;
    if (baseline) inputs.push_back(options.baseline);
    if (!run.recording.empty()) refuse_to_overwrite({run.recording}, inputs);
    output.open(inputs);

    const TemporaryDirectory scratch;
    if (run.rounds.replay.logs.empty()) {
        if (!command.empty() || attaches)
            throw Error(ErrorKind::usage, "leakline diagnose", "no traffic to send to this service",
                        "--traffic LOG; `leakline capture` records one, and `leakline replay --help` lists the formats");
        run.rounds.replay.logs = {scratch.path() + "/traffic.jsonl"};
        run.traffic_name = "built-in traffic";
        output.detail("writing sample traffic");
        OutputFile log(run.rounds.replay.logs[0]);
        replay::write_traffic(sample_traffic(options.soak), log);
        log.commit();
    }
    run.target.show_output = output.verbosity() == Messages::Verbosity::verbose;

    run.target.warn = [&](const std::string& text) { output.warn(text); };
    diagnose::Observer observer;
    std::string stage;
    StageProgress bar;
    observer.stage = [&](const std::string& name, double share) {
        stage = name;
        output.detail(name);
        bar.begin(share);
        output.progress("diagnose", stage, bar.at(0));
    };
    observer.progress = [&](double fraction, const std::string& text) {
        output.progress("diagnose", stage + ": " + text, bar.at(fraction));
    };
    observer.detail = [&](const std::string& text) { output.detail(text); };
    observer.note = [&](const std::string& text) { output.note(text); };
    Diagnosis diagnosis = diagnose::diagnose(run, observer);
    output.end_progress();
    for (const Round& round : diagnosis.rounds)
        output.detail(fmt::format("round {}: {} requests, {:.1f} s to {:.1f} s", &round - diagnosis.rounds.data() + 1,
                                  format_count(round.requests), round.begin_s, round.end_s));
    detail_lines(output, diagnosis.lines);
    sources.fill(diagnosis.lines);
    detail_sources(output, sources);
    add_audited_cause(diagnosis, options.audited, sources, output, stop);
    diagnosis.commit = commit_of(program, !attaches);
    apply_gates(diagnosis, budgets, baseline, options.baseline);
    output.write(diagnosis);
    return exit_code(diagnosis, options.exits, output);
}

}  // namespace

Run declare_diagnose(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kDiagnosisForm);
    output->add_full(app);
    // --help shows them in this order.
    auto* service = app.add_option_group("service");
    auto* traffic = app.add_option_group("traffic");
    auto* soak = app.add_option_group("soak");
    auto* clock = app.add_option_group("clock");
    auto* judgment = app.add_option_group("verdict");
    auto* lines = app.add_option_group("lines");
    auto options = std::make_shared<DiagnoseOptions>(*traffic, *judgment);
    diagnose::Options& run = options->run;

    add_process_option(*service, run.target.pid,
                       "Diagnose this process and its children as they run, without a restart; they go on afterwards. The port is found "
                       "from their sockets, unless --target gives the URL");
    service->add_option("--mode", options->mode, "Mode of trackd, if no command is given: leaky, bounded, lru or ttl")
        ->type_name("MODE")
        ->capture_default_str()
        ->check(one_of({"leaky", "bounded", "lru", "ttl"}));
    add_target_options(*service, run.target);

    traffic
        ->add_option("--traffic", run.rounds.replay.logs,
                     "Request log to replay, in any format that replay reads (default with trackd: generated sample traffic)")
        ->type_name("LOG");
    add_round_options(*traffic, run.rounds, 10'000);

    add_long_duration(*soak, "--soak", options->soak, "Replay the log as traffic of this duration, such as 72h, at two speeds");
    add_duration(*soak, "--soak-time", options->soak_time, "Maximum time for both speeds together (default: 1h)");

    add_time_scale(*clock, options->clock);
    add_clock_options(*clock, options->clock);

    add_size(*judgment, "--memory-limit", run.memory_limit,
             "Run the service in a memory cgroup of this size, and report when it would be reached");
    add_budget_option(*judgment, run.max_growth);
    add_size(*judgment, "--max-memory", run.max_memory,
             "Stop a run early when the service uses this much memory (default: what it has at the start and half of what is free)");
    add_duration(*judgment, "--max-time", run.max_time, "Maximum total time for extending undecided runs");
    judgment
        ->add_option("--still-filling", options->still_filling,
                     "Verdict for growth that may also be a cache that is still filling: inconclusive, or leak, which takes shorter runs")
        ->type_name("VERDICT")
        ->capture_default_str()
        ->check(one_of({"inconclusive", "leak"}));
    judgment
        ->add_option(
            "--retries", run.retries,
            "Maximum number of extensions of a run that is undecided or close to the budget, 0 to 100 (default: as --max-time allows)")
        ->type_name("N")
        ->check(between(0, 100));
    judgment->add_option("--baseline", options->baseline, "Accept the leaks in this file, written by leakline baseline")->type_name("FILE");
    judgment
        ->add_option("--budget", options->budgets,
                     "Tolerate growth of this kind of request below this, such as 'POST /api/track=16B/request'; in a --config file: "
                     "a line of [budget]")
        ->type_name("ENDPOINT=GROWTH");
    judgment->add_option("--warmup", options->warmup, "Number of initial rounds to ignore, or auto")->type_name("N")->capture_default_str();

    lines->add_option("--function", run.table_function, "Also print the line table of this function")->type_name("NAME");
    add_source_option(*lines, options->sources);
    add_frame_filters(*lines, run.skip, run.only);
    add_tracker_options(*lines, run.tracker, run.allocation_interval, run.children);
    lines->add_option("--runs", run.runs, "Measure memory and record lines in 1 run or in 2, each in its own")
        ->transform(choice_of<diagnose::Runs>({{"1", diagnose::Runs::one}, {"2", diagnose::Runs::two}}))
        ->type_name("1|2")
        ->default_str("1; 2 with --tracker heaptrack");
    lines
        ->add_option("--audit", options->audited,
                     "Audit this source for the container that grows at the leaking line and the removal that is missing (default: "
                     "the folder of a Python program)")
        ->type_name("PATH")
        ->allow_extra_args(false);
    lines->add_flag("--no-holders", options->no_holders, "Do not stop the recorded process to find the variable that holds what leaks");
    lines->add_option("--recording", run.recording, "Keep the heap recording in this file")->type_name("FILE");
    add_duration(*lines, "--interval", run.sample_interval, "Time between memory samples");

    app.add_option("command", options->command, "Service to start, after -- (default: trackd, the reference service)")
        ->type_name("CMD ARG...");
    return [=](const Interruption& interruption) { return run_diagnose(*options, *output, interruption.stop); };
}

}  // namespace leakline::cli
