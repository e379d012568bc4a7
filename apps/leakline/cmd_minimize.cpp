// leakline minimize: the smallest part of a log that still makes a service leak.
#include <fmt/format.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "commands.hpp"
#include "diagnose/minimize.hpp"
#include "exit_code.hpp"
#include "exit_policy.hpp"
#include "output.hpp"
#include "overwriting.hpp"
#include "quantities.hpp"
#include "report/source_text.hpp"
#include "traffic_options.hpp"

namespace leakline::cli {

namespace {

struct MinimizeCommand {
    explicit MinimizeCommand(CLI::App& app)
        : traffic(app, minimize.run.rounds.replay, TrafficOptions::Scope::sending, "max"), exits(app) {}

    diagnose::MinimizeOptions minimize;
    TrafficOptions traffic;
    std::string target_command;
    std::string log;
    std::vector<std::string> words, sources;  // words: behind the log; the service, or further logs
    bool no_values = false;
    ExitPolicy exits;
};

// A command line as a shell would part it: quotes and backslashes, but no variables, globs or pipes.
std::vector<std::string> split_command(const std::string& text) {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false;
    char quote = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quote != 0 && c == quote) {
            quote = 0;
        } else if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
            word += text[++i];
            in_word = true;
        } else if (quote == 0 && (c == '"' || c == '\'')) {
            quote = c;
            in_word = true;
        } else if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
            if (in_word) words.push_back(std::exchange(word, {}));
            in_word = false;
        } else {
            word += c;
            in_word = true;
        }
    }
    if (quote != 0) throw Error(ErrorKind::usage, "--target-cmd", fmt::format("a {} is not closed", quote));
    if (in_word) words.push_back(word);
    return words;
}

// A note for each run, and a line that is redrawn while it goes on.
class Narrator {
  public:
    explicit Narrator(Output& output) : output_(output) {}

    diagnose::MinimizeObserver observer() {
        diagnose::MinimizeObserver result;
        result.begin = [this](int number, int more, const std::string& part) {
            number_ = number;
            more_ = more;
            part_ = part;
        };
        result.progress = [this](double fraction, const std::string& text) {
            // The time left is what so many more runs take if they take as long as those before.
            const double done = (number_ - 1 + fraction) / (number_ + more_);
            output_.progress("minimize", fmt::format("run {} (about {} more): {}", number_, more_, text), done);
        };
        result.end = [this](const diagnose::Trial& trial) {
            const char* said = trial.verdict == Verdict::leak      ? "leaks"
                               : trial.verdict == Verdict::no_leak ? "does not leak"
                                                                   : "no clear answer";
            output_.note(fmt::format("run {}: {}: {}", number_, said, part_));
            output_.detail(fmt::format("run {}: {} requests of {} in the part, in {:.1f} s: {}", number_, format_count(trial.sent),
                                       format_count(trial.requests), trial.seconds, trial.reason));
        };
        return result;
    }

  private:
    Output& output_;
    std::atomic<int> number_{0}, more_{0};  // progress comes from another thread
    std::string part_;
};

void write_result(diagnose::Minimized& result, const MinimizeCommand& command, Output& output) {
    if (!result.diagnosis) {
        output.write(diagnose::minimized_text(result), diagnose::minimized_json(result));
        return;
    }
    report::SourceText sources(command.sources);
    sources.look_above(find_executable(command.minimize.run.target.arguments[0]).value_or(""));
    sources.fill(result.diagnosis->lines);
    const report::Document document = *result.diagnosis;
    output.write(diagnose::minimized_text(result, output.rendered(document, "text")),
                 diagnose::minimized_json(result, output.rendered(document, "json")), &document);
}

int exit_code(const diagnose::Minimized& result, const ExitPolicy& exits, Output& output) {
    if (const int signal = interruption::received(); signal != 0) return kInterrupted + signal;
    switch (result.verdict) {
        case Verdict::leak: return exits.leak();
        case Verdict::no_leak: return kNoLeak;
        case Verdict::invalid: return kInvalid;
        case Verdict::inconclusive: return exits.inconclusive(output, result.trials.back().reason);
    }
    return kInvalid;
}

// A pipe would receive one log after the other.
void require_regular(const std::string& path) {
    std::error_code none;
    if (const auto status = std::filesystem::status(path, none); std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
        throw Error(ErrorKind::usage, path, "is not a regular file: the log is written anew whenever a smaller part leaks",
                    "name a file for it");
}

int run_minimize(MinimizeCommand& command, Output& output) {
    diagnose::MinimizeOptions& options = command.minimize;
    options.run.rounds.replay.logs = {command.log};
    if (command.target_command.empty()) {
        options.run.target.arguments = command.words;
    } else {
        options.run.target.arguments = split_command(command.target_command);
        options.run.rounds.replay.logs.insert(options.run.rounds.replay.logs.end(), command.words.begin(), command.words.end());
    }
    if (options.run.target.arguments.empty())
        throw Error(ErrorKind::usage, "leakline minimize", "no service to start",
                    "--target-cmd './service --port {port}', or -- ./service --port {port}");
    command.traffic.apply();
    options.values = !command.no_values;
    const std::vector<std::string> logs = output.take_files(".jsonl");
    if (logs.size() > 1) throw Error(ErrorKind::usage, "-o", "two files for the one smallest log", "-o FILE.jsonl once");
    const std::string log = logs.empty() ? "" : logs.front();
    if (!log.empty()) {
        refuse_to_overwrite({log}, options.run.rounds.replay.logs);
        require_regular(log);
        const OutputFile probe(log);  // an unwritable place costs no run
    }
    output.options().inconclusive = command.exits.when_inconclusive();
    output.open(options.run.rounds.replay.logs);
    options.run.target.show_output = output.chatter() == Output::Chatter::verbose;

    Narrator narrator(output);
    diagnose::Minimized result = diagnose::minimize(options, log, narrator.observer());
    write_result(result, command, output);
    return exit_code(result, command.exits, output);
}

}  // namespace

Run declare_minimize(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kDiagnosisForm);
    app.get_option("--format")->description("of the report on standard output: text or json")->check(CLI::IsMember({"text", "json"}).description(""));
    app.get_option("--output")->description("FILE.jsonl: the smallest leaking part found so far, as a log to replay; any other "
                                            "extension: a report (repeatable)");
    auto command = std::make_shared<MinimizeCommand>(app);
    diagnose::Options& run = command->minimize.run;
    app.add_option("log", command->log, "a request log, as replay reads them; not standard input")->required()->type_name("LOG");
    app.add_option("--target-cmd", command->target_command,
                   "the service, started anew for each run; {port} stands for a port that is picked")
        ->type_name("CMD");
    app.add_option("--target", run.target.url, "where the service listens, if {port} is not in its command")->type_name("URL");
    add_growth(app, "--max-growth", run.max_growth, "a budget: growth below it is no leak");
    app.add_option("--rounds", run.rounds.rounds, "rounds of traffic in a run")
        ->capture_default_str()
        ->check(CLI::Range(4, 1000));
    app.add_option("--repeats", command->minimize.repeats, "of a run that cannot tell, each with twice the rounds")
        ->capture_default_str()
        ->check(CLI::Range(0, 5));
    app.add_option("--max-runs", command->minimize.most_trials, "runs of the service at most")
        ->capture_default_str()
        ->check(CLI::Range(1, 100'000));
    app.add_option("--without", command->minimize.without,
                   "leave this kind of requests out from the start, as in 'GET /search', to find a second cause; repeatable")
        ->type_name("KIND")
        ->allow_extra_args(false);
    app.add_flag("--kinds-only", command->no_values, "method and path alone; do not look at parameters, headers and bodies");
    add_duration(app, "--min-round", run.rounds.minimum_round, "at pace max the log is repeated until a round is this long");
    add_duration(app, "--quiet-time", run.rounds.quiet, "between a round's last answer and its mark");
    app.add_option("--ready-path", run.target.ready_path, "any answer to a GET of this path means ready")->capture_default_str();
    add_duration(app, "--ready-timeout", run.target.ready_timeout, "how long the service may take to start");
    add_duration(app, "--grace", run.target.grace, "from SIGTERM to SIGKILL");
    app.add_option("--source", command->sources, "folders to look for source files in")->type_name("DIR")->allow_extra_args(false);
    app.add_option("words", command->words, "after --, the service in place of --target-cmd; with it: more logs, merged by time")
        ->type_name("CMD ARG... | LOG...");
    return [=] { return run_minimize(*command, *output); };
}

}  // namespace leakline::cli
