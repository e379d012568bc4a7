// Where a command's results go and what it says on the way: shared by every command.
//
// Results go to standard output in the form that --format names, and to each -o FILE in the form of its
// extension. Everything else goes to standard error: warnings, notes (not with --quiet), details (with
// --verbose), and a progress line (on a terminal only).
//
//   CommandRow's declare:  auto output = std::make_shared<Output>(app, report::kTrendForm);
//   its run:               output->open();  ...work, output->progress(...)...  output->write(document);
//
// Thread-safety: note, warn, detail and progress may be called from any thread; the rest from one.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "report/report.hpp"

namespace leakline::cli {

// What a descriptor is, as far as printing cares.
struct Terminal {
    bool interactive = false;  // a terminal that can redraw a line (TERM is not "dumb")
    bool colour = false;       // interactive and not NO_COLOR (https://no-color.org)
    int width = 100;           // COLUMNS, else what the terminal says, else 100
};
Terminal detect_terminal(int descriptor);

class Output {
  public:
    enum class Chatter { quiet, normal, verbose };

    // Adds --format, -o/--output, --colour, --quiet and --verbose to command. form is the kind of document
    // that will be written.
    Output(CLI::App& command, report::Form form, std::string default_format = "text");
    ~Output();
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    // After parsing, before the work: checks the formats and opens the files. Throws Error{usage, input}.
    void open();
    // Renders document in every form asked for; files appear whole, and before anything goes to standard
    // output. Throws Error{system} where a disk is full or standard output is closed.
    void write(const report::Document& document);

    // For a result that is no Document and has two forms. After open(): throws Error{usage} where another was asked for.
    void require_text_or_json(std::string_view what) const;
    void write(const std::string& text, const std::string& json);

    report::RenderOptions& options() {
        return options_;
    }  // for a command's own --precision, --unit, --strict ...
    Chatter chatter() const { return chatter_; }
    const std::vector<std::string>& files() const { return paths_; }

    void warn(std::string_view text);    // "leakline: warning: text"
    void note(std::string_view text);    // not with --quiet
    void detail(std::string_view text);  // only with --verbose
    // Redraws the progress line, at most ten times a second; what and fraction as in report/progress. The
    // first call with another stage begins the clock of the time left anew.
    void progress(std::string_view stage, std::string_view what,
                  std::optional<double> fraction = std::nullopt);
    void end_progress();  // wipes the line; write() and the messages do so themselves

  private:
    void commit_files();
    void say(std::string_view prefix, std::string_view text);
    void wipe();  // mutex_ held

    report::Form form_;
    std::string format_name_, colour_ = "auto";
    std::vector<std::string> paths_;
    bool quiet_flag_ = false, verbose_flag_ = false;
    Chatter chatter_ = Chatter::normal;
    report::RenderOptions options_;
    std::vector<std::pair<const report::Format*, OutputFile>> files_;

    std::mutex mutex_;  // guards what follows, and the writing to standard error
    Terminal messages_;
    bool line_shown_ = false;
    std::string stage_;
    Nanoseconds stage_began_{}, last_drawn_{};
};

// All of bytes to standard output. Throws Error{system}.
void write_standard_output(std::string_view bytes);

}  // namespace leakline::cli
