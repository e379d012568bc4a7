// leakline comment: a diagnosis as the one comment on a pull request that later runs write anew.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "analysis/compare.hpp"
#include "analysis/history.hpp"
#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "choice.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "messages.hpp"
#include "output.hpp"
#include "report/comment.hpp"
#include "report/json_read.hpp"
#include "review/comment.hpp"
#include "review/discussion.hpp"
#include "stored_runs.hpp"
#include "system/byte_source.hpp"
#include "system/executables.hpp"

namespace leakline::cli {

namespace {

struct CommentCommand {
    std::string diagnosis, before, to = "auto", gate = "leakline";
    std::vector<std::string> history;
};

constexpr const char* kStandardOutput = "stdout";

std::string variable(const char* name) { return std::string(environment_variable(name)); }

// The system to post to; null: standard output.
const review::System* system_for(const std::string& to) {
    const auto named = review::systems();
    const auto found = std::find_if(named.begin(), named.end(),
                                    [&](const review::System& one) { return to == "auto" ? one.runs_here(variable) : one.name == to; });
    if (found != named.end()) return &*found;
    if (to == kStandardOutput) return nullptr;
    throw Error(ErrorKind::usage, "--to", "this is neither a job of GitHub nor one of GitLab", "--to stdout prints the comment");
}

// The first run of a gate has no earlier ones: a directory that is missing or empty is no error.
std::optional<History> read_history(const CommentCommand& command, Messages& messages, const std::stop_token& stop) {
    std::vector<std::string> paths;
    for (const std::string& path : command.history) {
        std::error_code none;
        if (!std::filesystem::exists(path, none) || std::filesystem::is_empty(path, none))
            messages.note(fmt::format("{}: no earlier run", path));
        else
            paths.push_back(path);
    }
    if (paths.empty()) return std::nullopt;
    std::vector<std::string> left_out;
    std::vector<std::string> files = stored_run_files(paths, left_out);
    for (const std::string& warning : left_out) messages.warn(warning);
    files.push_back(command.diagnosis);
    return analysis::make_history(read_stored_runs(files, messages, stop).diagnoses);
}

// What to compare with: as asked for, else the newest earlier run that measured; empty where there is none.
std::string file_before(const CommentCommand& command, const std::optional<History>& history) {
    if (!command.before.empty() || !history) return command.before;
    const auto earlier = std::find_if(history->runs.rbegin(), history->runs.rend(), [&](const History::Run& run) {
        return run.file != command.diagnosis && run.verdict != Verdict::invalid;
    });
    return earlier == history->runs.rend() ? "" : earlier->file;
}

std::string markdown_of(const CommentCommand& command, const std::optional<review::Discussion>& discussion, Messages& messages,
                        const std::stop_token& stop) {
    const Diagnosis diagnosis = report::read_diagnosis(read_file(command.diagnosis), command.diagnosis);
    report::CommentContent content{.diagnosis = diagnosis};
    const std::optional<History> history = read_history(command, messages, stop);
    if (history) content.history = &*history;
    std::optional<Comparison> comparison;
    if (const std::string before = file_before(command, history); !before.empty()) {
        comparison = analysis::compare_lines(report::read_line_report(read_file(before), before), diagnosis.lines, {});
        comparison->before = before;
        comparison->after = command.diagnosis;
        content.comparison = &*comparison;
    }
    if (discussion) {
        content.commit = discussion->commit.substr(0, 12);
        content.run_url = discussion->run_url;
    }
    return report::comment_markdown(content, {});
}

int run_comment(const CommentCommand& command, Messages& messages, const std::stop_token& stop) {
    if (command.gate.empty() ||
        !std::all_of(command.gate.begin(), command.gate.end(), [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; }))
        throw Error(ErrorKind::usage, "--gate", fmt::format("'{}' does not consist of letters, digits, - and _", printable(command.gate)));
    const review::System* const system = system_for(command.to);
    const auto discussion = system == nullptr ? std::nullopt : system->find(variable);
    const std::string text = markdown_of(command, discussion, messages, stop);
    messages.end_progress();
    if (system == nullptr) {
        write_standard_output(text);
        return kNoLeak;
    }
    if (!discussion) {
        messages.note("this job runs for no pull request or merge request: there is nothing to comment on");
        return kNoLeak;
    }
    review::PostOptions options;
    options.gate = command.gate;
    options.note = [&](const std::string& why) { messages.note(why); };
    const review::Posted posted = review::post_comment(*discussion, text, options);
    messages.note(fmt::format("{}: comment {} {}", discussion->name, posted.id, posted.created ? "written" : "updated"));
    return kNoLeak;  // the run that measured has returned the verdict
}

}  // namespace

Run declare_comment(CLI::App& app) {
    auto messages = std::make_shared<Messages>(app);
    auto command = std::make_shared<CommentCommand>();
    app.add_option("diagnosis", command->diagnosis, "diagnosis.json of this run")->required()->type_name("FILE");
    app.add_option("--before", command->before,
                   "Compare each line with this diagnosis.json, such as the target branch's (default: the newest of --history)")
        ->type_name("FILE");
    app.add_option("--history", command->history,
                   "Show the trend over these diagnosis.json files of earlier runs, or directories, which may be empty")
        ->type_name("FILE|DIR");
    std::vector<std::string> places = {"auto", kStandardOutput};
    for (const review::System& system : review::systems()) places.emplace_back(system.name);
    app.add_option("--to", command->to, "Where to write: auto (the CI system of this job), github, gitlab or stdout")
        ->check(one_of(places))
        ->type_name("SYSTEM")
        ->capture_default_str();
    app.add_option("--gate", command->gate, "Name of this gate: comments of several gates stand side by side")
        ->type_name("NAME")
        ->capture_default_str();
    return [=](const Interruption& interruption) {
        messages->open();
        return run_comment(*command, *messages, interruption.stop);
    };
}

}  // namespace leakline::cli
