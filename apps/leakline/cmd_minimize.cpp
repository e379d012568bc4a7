// leakline minimize: the smallest part of a log that still makes a service leak.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "choice.hpp"
#include "commands.hpp"
#include "diagnose/minimize.hpp"
#include "exit_code.hpp"
#include "exit_policy.hpp"
#include "line_options.hpp"
#include "measuring_options.hpp"
#include "output.hpp"
#include "overwriting.hpp"
#include "quantity_options.hpp"
#include "report/source_text.hpp"
#include "system/executables.hpp"
#include "system/output_file.hpp"
#include "traffic_options.hpp"

namespace leakline::cli {

namespace {

struct MinimizeCommand {
    explicit MinimizeCommand(CLI::App& app) : traffic(app, minimize.run.rounds.replay, TrafficOptions::Scope::sending, "max"), exits(app) {}

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
    if (quote != 0) throw Error(ErrorKind::usage, "--target-cmd", fmt::format("unclosed quote {}", quote));
    if (in_word) words.push_back(word);
    return words;
}

// A note for each run, and a line that is redrawn while it goes on.
class MinimizeProgress {
  public:
    explicit MinimizeProgress(Output& output) : output_(output) {}

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
        result.end = [this](const Minimized::Trial& trial) {
            const char* said = trial.verdict == Verdict::leak      ? "leaks"
                               : trial.verdict == Verdict::no_leak ? "does not leak"
                                                                   : "inconclusive";
            output_.note(fmt::format("run {}: {}: {}", number_, said, part_));
            output_.detail(fmt::format("run {}: {} requests sent from a part of {}, in {:.1f} s: {}", number_, format_count(trial.sent),
                                       format_count(trial.requests), trial.seconds, trial.reason));
        };
        return result;
    }

  private:
    Output& output_;
    std::atomic<int> number_{0}, more_{0};  // progress comes from another thread
    std::string part_;
};

int exit_code(const Minimized& result, const ExitPolicy& exits, Output& output) {
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
    if (const auto status = std::filesystem::status(path, none);
        std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
        throw Error(ErrorKind::usage, path, "is not a regular file: the log is written anew whenever a smaller part leaks",
                    "name a file for it");
}

int run_minimize(MinimizeCommand& command, Output& output, const std::stop_token& stop) {
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
    options.run.rounds.replay.stop = stop;
    options.values = !command.no_values;
    const std::vector<std::string> logs = output.take_files(".jsonl");
    if (logs.size() > 1) throw Error(ErrorKind::usage, "-o", "more than one .jsonl file given", "give -o FILE.jsonl only once");
    const std::string log = logs.empty() ? "" : logs.front();
    if (!log.empty()) {
        refuse_to_overwrite({log}, options.run.rounds.replay.logs);
        require_regular(log);
        const OutputFile probe(log);  // an unwritable place costs no run
    }
    output.options().inconclusive = command.exits.when_inconclusive();
    output.open(options.run.rounds.replay.logs);
    options.run.target.show_output = output.verbosity() == Output::Verbosity::verbose;

    options.run.target.warn = [&](const std::string& text) { output.warn(text); };
    MinimizeProgress narrator(output);
    Minimized result = diagnose::minimize(options, log, narrator.observer());
    report::SourceText sources(command.sources);
    sources.search_parents(find_executable(options.run.target.arguments[0]).value_or(""));
    sources.fill(result.diagnosis.lines);
    const int code = exit_code(result, command.exits, output);
    output.write(std::move(result));
    return code;
}

}  // namespace

Run declare_minimize(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kMinimizedForm);
    output->add_full(app);
    app.get_option("--format")->description("Format of the report on standard output: text or json")->check(one_of({"text", "json"}));
    app.get_option("--output")
        ->description(
            "Write the smallest leaking part found so far as a log (FILE.jsonl), or a report (any other "
            "extension)");
    auto command = std::make_shared<MinimizeCommand>(app);
    diagnose::Options& run = command->minimize.run;
    app.add_option("log", command->log, "Request log, in any format that replay reads; not standard input")->required()->type_name("LOG");
    app.add_option("--target-cmd", command->target_command, "Service to start for each run; {port} is replaced by a free port")
        ->type_name("CMD");
    add_target_options(app, run.target);
    add_round_options(app, run.rounds, 1000);
    add_budget_option(app, run.max_growth);
    app.add_option("--repeats", command->minimize.repeats,
                   "Maximum number of repetitions of an undecided run, 0 to 5, each with twice the rounds")
        ->type_name("N")
        ->capture_default_str()
        ->check(between(0, 5));
    app.add_option("--max-runs", command->minimize.most_trials, "Maximum number of runs, 1 to 100000")
        ->type_name("N")
        ->capture_default_str()
        ->check(between(1, 100'000));
    app.add_option("--without", command->minimize.without, "Exclude this kind of requests, such as 'GET /search', to find a second cause")
        ->type_name("KIND");
    app.add_flag("--kinds-only", command->no_values, "Reduce by method and path only, not by parameters, headers and bodies");
    add_source_option(app, command->sources);
    app.add_option("words", command->words,
                   "Service to start, after --, instead of --target-cmd; with --target-cmd: more logs, merged by time")
        ->type_name("CMD ARG... | LOG...");
    return [=](const Interruption& interruption) { return run_minimize(*command, *output, interruption.stop); };
}

}  // namespace leakline::cli
