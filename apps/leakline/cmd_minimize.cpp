// leakline minimize: the smallest part of a log that still makes a service leak.
#include <fmt/format.h>

#include <memory>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "commands.hpp"
#include "diagnose/minimize.hpp"
#include "exit_code.hpp"
#include "output.hpp"
#include "pace.hpp"
#include "quantities.hpp"

namespace leakline::cli {

namespace {

struct MinimizeCommand {
    diagnose::MinimizeOptions minimize;
    std::string target_command, output, format = "text", pace = "max", speed = "1x";
    std::vector<std::string> command;
    bool no_values = false;
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

// A line a run, and the progress line while it goes on.
diagnose::MinimizeObserver narrate(Messages& messages) {
    struct Run {
        int number = 0;
        std::string part;
    };
    auto run = std::make_shared<Run>();
    diagnose::MinimizeObserver result;
    result.begin = [run](int number, const std::string& part) { *run = {number, part}; };
    result.progress = [run, &messages](double fraction, const std::string& text) {
        const std::string stage = fmt::format("run {}", run->number);
        messages.progress(stage, stage + ": " + text, fraction);
    };
    result.end = [run, &messages](const diagnose::Trial& trial) {
        const char* said = trial.verdict == Verdict::leak      ? "leaks"
                           : trial.verdict == Verdict::no_leak ? "does not leak"
                                                               : "no clear answer";
        messages.note(fmt::format("run {}: {}: {}", run->number, said, run->part));
    };
    return result;
}

int run_minimize(MinimizeCommand& command, Messages& messages) {
    messages.open();
    command.minimize.run.target.show_output = messages.chatter() == Messages::Chatter::verbose;
    diagnose::MinimizeOptions& options = command.minimize;
    if (!command.target_command.empty() && !command.command.empty())
        throw Error(ErrorKind::usage, "leakline minimize", "the service is given twice", "either --target-cmd or -- CMD ARG...");
    options.run.target.arguments =
        command.command.empty() ? split_command(command.target_command) : command.command;
    if (options.run.target.arguments.empty())
        throw Error(ErrorKind::usage, "leakline minimize", "no service to start",
                    "--target-cmd './service --port {port}', or -- ./service --port {port}");
    options.run.rounds.pace = parse_pace(command.pace, command.speed);
    options.values = !command.no_values;
    if (command.output == "-")
        throw Error(ErrorKind::usage, "-o", "standard output has the report; the log needs a file");
    if (!command.output.empty()) const OutputFile probe(command.output);  // an unwritable place costs no run

    diagnose::Minimized result;
    try {
        result = diagnose::minimize(options, command.output, narrate(messages));
    } catch (const Error&) {
        messages.end_progress();
        if (const int signal = interruption::received(); signal != 0) return kInterrupted + signal;
        throw;
    }
    messages.end_progress();
    write_standard_output(command.format == "json" ? diagnose::minimized_json(result) : diagnose::minimized_text(result));
    if (const int signal = interruption::received(); signal != 0) return kInterrupted + signal;
    switch (result.verdict) {
        case Verdict::leak: return kLeak;
        case Verdict::no_leak: return kNoLeak;
        case Verdict::inconclusive: return kInconclusive;
        case Verdict::invalid: return kInvalid;
    }
    return kInvalid;
}

}  // namespace

Run declare_minimize(CLI::App& app) {
    auto command = std::make_shared<MinimizeCommand>();
    auto messages = std::make_shared<Messages>(app);
    diagnose::Options& run = command->minimize.run;
    app.add_option("log", run.rounds.traffic, "request logs, as replay reads them; not standard input")
        ->required()
        ->type_name("LOG");
    app.add_option("--target-cmd", command->target_command,
                   "the service, started anew for each run; {port} stands for a port that is picked")
        ->type_name("CMD");
    app.add_option("--target", run.target.url, "where the service listens, if {port} is not in its command")->type_name("URL");
    app.add_option("-o,--output", command->output, "the smallest leaking part found so far, as a log to replay")->type_name("FILE");
    app.add_option("--format", command->format, "of the report: text or json")
        ->capture_default_str()
        ->check(CLI::IsMember({"text", "json"}));
    add_growth(app, "--max-growth", run.max_growth, "a budget: growth below it is no leak");
    app.add_option("--rounds", run.rounds.rounds, "rounds of traffic in a run; a run that cannot tell has up to three times as many")
        ->capture_default_str()
        ->check(CLI::Range(4, 1000));
    app.add_option("--repeats", command->minimize.repeats, "of a run that cannot tell, each with twice the rounds")
        ->capture_default_str()
        ->check(CLI::Range(0, 5));
    app.add_option("--max-runs", command->minimize.most_trials, "runs of the service at most")
        ->capture_default_str()
        ->check(CLI::Range(1, 100'000));
    app.add_flag("--kinds-only", command->no_values, "method and path alone; do not look at query parameters and headers");
    app.add_option("--pace", command->pace, "max, recorded, or a rate such as 500/s")->capture_default_str();
    app.add_option("--speed", command->speed, "recorded pace this many times faster: 10x")->capture_default_str();
    app.add_option("--connections", run.rounds.connections, "open at once")->capture_default_str()->check(CLI::Range(1, 10000));
    add_duration(app, "--min-round", run.rounds.minimum_round, "at pace max the log is repeated until a round is this long");
    add_duration(app, "--timeout", run.rounds.timeout, "of one request");
    app.add_option("--ready-path", run.target.ready_path, "any answer to a GET of this path means ready")->capture_default_str();
    add_duration(app, "--ready-timeout", run.target.ready_timeout, "how long the service may take to start");
    add_duration(app, "--grace", run.target.grace, "from SIGTERM to SIGKILL");
    app.add_option("--max-bad-lines", run.rounds.max_bad_lines, "unreadable lines of the log that are tolerated")->capture_default_str();
    app.add_option("command", command->command, "the service, after --, instead of --target-cmd")->type_name("CMD ARG...");
    return [=] { return run_minimize(*command, *messages); };
}

}  // namespace leakline::cli
