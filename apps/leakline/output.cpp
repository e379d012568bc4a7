#include "output.hpp"
#include "base/error.hpp"
#include "choice.hpp"
#include "overwriting.hpp"
#include "print_error.hpp"
#include "report/github.hpp"
#include "report/repository_paths.hpp"
#include "system/descriptor_name.hpp"
#include "system/executables.hpp"
#include "system/output_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>

namespace leakline::cli {

namespace {

// Where CI systems say that the checked-out repository is; else the one that we stand in.
std::string repository() {
    for (const char* name : {"GITHUB_WORKSPACE", "CI_PROJECT_DIR"})
        if (const std::string_view directory = environment_variable(name); !directory.empty()) return std::string(directory);
    return report::repository_root(".");
}

// Annotations go to standard error, which the runner reads as well: standard output may be JSON that is piped
// on.
void write_for_github(const report::Document& document, const report::RenderOptions& options) {
    print_error("{}", report::workflow_commands(document, options));
    const std::string path(environment_variable("GITHUB_STEP_SUMMARY"));
    if (path.empty()) return;
    const std::string summary = report::format_named("md").render(document, options) + "\n";
    std::FILE* file = std::fopen(path.c_str(), "ab");
    const bool written = file != nullptr && std::fwrite(summary.data(), 1, summary.size(), file) == summary.size();
    if ((file != nullptr && std::fclose(file) != 0) || !written)
        print_error("leakline: warning: {}: cannot append the step summary: {}\n", path, os_reason(errno));
}

}  // namespace

void write_standard_output(std::string_view bytes) {
    const std::size_t written = std::fwrite(bytes.data(), 1, bytes.size(), stdout);
    if (written == bytes.size() && std::fflush(stdout) == 0) return;
    // `| head -1` has what it wants, and the verdict stays what it is.
    if (errno != EPIPE) throw os_error(ErrorKind::system, "standard output", "cannot write", errno);
}

Output::Output(CLI::App& command, report::Form form, std::string default_format)
    : Messages(command), form_(form), format_name_(std::move(default_format)) {
    std::string names;
    for (const report::Format& format : report::formats())
        if ((format.forms & form) != 0) names += fmt::format("{}{}", names.empty() ? "" : " ", format.name);
    command.add_option("--format", format_name_, "Format of standard output: " + names)->type_name("NAME")->capture_default_str();
    command.add_option("-o,--output", paths_, "Also write a report to this file, in the format of its extension")->type_name("FILE");
    command.add_option("--color,--colour", color_, "Color the output: auto, always or never")
        ->check(one_of({"auto", "always", "never"}))
        ->type_name("WHEN")
        ->capture_default_str();
}

void Output::add_top(CLI::App& command, const char* what) {
    command.add_option("--top", options_.top, what)->check(between(1, 1'000'000))->type_name("N")->capture_default_str();
}

void Output::add_full(CLI::App& command) {
    options_.full = false;
    command.add_flag("--full", options_.full, "Print all evidence, not only what fits on a screen");
}

void Output::add_precision(CLI::App& command) {
    command.add_option("--precision", options_.precision, "Decimals in the line table, 0 to 9")
        ->check(between(0, 9))
        ->type_name("N")
        ->capture_default_str();
}

void Output::open(const std::vector<std::string>& inputs, report::Form form) {
    Messages::open();
    const Terminal results = detect_terminal(STDOUT_FILENO);
    options_.width = results.width;
    options_.fold = results.interactive || !environment_variable("COLUMNS").empty();
    options_.characters = results.interactive && !results.utf8 ? report::Characters::ascii : report::Characters::unicode;
    options_.color = color_ == "always" || (color_ == "auto" && results.color);

    const report::Format& shown = report::format_named(format_name_, form);
    report::require_form(shown, form);
    if (shown.binary && ::isatty(STDOUT_FILENO) == 1)
        throw Error(ErrorKind::usage, "standard output", fmt::format("{} is not for a terminal", shown.name),
                    fmt::format("-o FILE{}, or send standard output to a file", shown.extensions.front()));
    refuse_to_overwrite(paths_, inputs);
    files_.clear();
    for (const std::string& path : paths_) {
        const report::Format& format = descriptor_to_write(path) ? shown : report::format_of_file(path);
        report::require_form(format, form);
        files_.emplace_back(&format, OutputFile(path));
    }
}

void Output::find_in_repository(const report::Document& document) {
    if (options_.repository_paths.empty()) options_.repository_paths = report::repository_paths(document, repository());
}

void Output::write(const report::Document& document) {
    end_progress();
    find_in_repository(document);
    for (auto& [format, file] : files_) file.write(format->render(document, for_files()));
    commit_files();
    const bool has_page = (report::format_named("md").forms & report::form_of(document)) != 0;
    if (has_page && environment_variable("GITHUB_ACTIONS") == "true") write_for_github(document, for_files());
    write_standard_output(report::format_named(format_name_).render(document, options_));
}

report::RenderOptions Output::for_files() const {
    report::RenderOptions plain = options_;
    plain.color = false;
    plain.characters = report::Characters::unicode;
    plain.width = 100;
    plain.full = true;
    plain.fold = false;
    return plain;
}

std::vector<std::string> Output::take_files(std::string_view extension) {
    std::vector<std::string> taken;
    std::erase_if(paths_, [&](const std::string& path) {
        if (path.ends_with(extension)) taken.push_back(path);
        return path.ends_with(extension);
    });
    return taken;
}

void Output::commit_files() {
    for (auto& [format, file] : files_) {
        file.commit();
        detail(fmt::format("wrote {} ({})", file.path(), format->name));
    }
    files_.clear();
}

}  // namespace leakline::cli
