// Where a command's results go: to standard output in the form that --format names, and to each -o FILE in the form of
// its extension. Everything else goes to standard error (see messages.hpp).
//
//   CommandRow's declare:  auto output = std::make_shared<Output>(app, report::kTrendForm);
//   its run:               output->open();  ...work, output->progress(...)...  output->write(document);
//
// Thread-safety: one thread, but for the messages.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli11_names.hpp"
#include "messages.hpp"
#include "report/report.hpp"
#include "system/output_file.hpp"

namespace leakline::cli {

class Output : public Messages {
  public:
    // Adds --format, -o/--output, --color, --quiet and --verbose to command. form is the kind of document
    // that will be written.
    Output(CLI::App& command, report::Form form, std::string default_format = "text");

    // Adds --top, where a document has a ranking. what: that which it limits, for --help.
    void add_top(CLI::App& command, const char* what);

    // Adds --full, where text is a summary by default. Files have all of it.
    void add_full(CLI::App& command);
    // Adds --precision, where a document has a line table.
    void add_precision(CLI::App& command);
    // After parsing, before the work: checks the formats and opens the files. inputs: what the command reads, which no
    // output may replace. Throws Error{usage, input}.
    void open(const std::vector<std::string>& inputs = {}) { open(inputs, form_); }
    // The same, where an option makes another kind of document.
    void open(const std::vector<std::string>& inputs, report::Form form);
    // Renders document in every form asked for; files appear whole, and before anything goes to standard
    // output. Throws Error{system} where a disk is full or standard output is closed.
    void write(const report::Document& document);

    // Paths given with -o that end with extension: the command writes these itself. Before open().
    std::vector<std::string> take_files(std::string_view extension);

    report::RenderOptions& options() { return options_; }  // for a command's own --precision, --unit, --strict ...
    const std::vector<std::string>& files() const { return paths_; }

  private:
    report::RenderOptions for_files() const;
    void commit_files();
    void find_in_repository(const report::Document& document);  // its files, for forms that link to them

    report::Form form_;
    std::string format_name_, color_ = "auto";
    std::vector<std::string> paths_;
    report::RenderOptions options_;
    std::vector<std::pair<const report::Format*, OutputFile>> files_;
};

// All of bytes to standard output, or what its reader takes of them. Throws Error{system}.
void write_standard_output(std::string_view bytes);

}  // namespace leakline::cli
