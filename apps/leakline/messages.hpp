// What a command says on the way, on standard error: warnings, notes (not with --quiet), details (with --verbose), and a
// progress line (on a terminal only). Every command has one: by itself, or as part of its Output.
//
//   CommandRow's declare:  auto messages = std::make_shared<Messages>(app);
//   its run:               messages->open();  ...work, messages->progress(...)...  messages->note("done");
//
// Thread-safety: after open(), any thread.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "cli11_names.hpp"
#include "system/clock.hpp"
#include "terminal.hpp"

namespace leakline::cli {

// An error among other warnings, where another file can still be used: "location: message (hint)".
std::string in_one_line(const Error& error);

// For a program that starts a command and shows its progress (leakline mcp): twice a second at most, a line on standard error of
// this mark and a text. Every command that prints messages has the option; --help does not list it.
inline constexpr const char* kProgressOption = "--progress-lines";
inline constexpr char kProgressMark = '\x1e';  // messages have no control characters

class Messages {
  public:
    enum class Verbosity { quiet, normal, verbose };

    explicit Messages(CLI::App& command);  // adds --quiet and --verbose to it
    ~Messages();                           // with --verbose: how long it took since open()
    Messages(const Messages&) = delete;
    Messages& operator=(const Messages&) = delete;

    void open();  // after parsing: what was chosen, and where it goes
    Verbosity verbosity() const { return verbosity_; }

    void warn(std::string_view text);    // "leakline: warning: text"
    void note(std::string_view text);    // not with --quiet
    void detail(std::string_view text);  // only with --verbose
    // Redraws the progress line, at most ten times a second; what and fraction as in report/progress. The
    // first call with another stage begins the clock of the time left anew.
    void progress(std::string_view stage, std::string_view what, std::optional<double> fraction = std::nullopt);
    void end_progress();  // wipes the line; the messages do so themselves

  private:
    void say(std::string_view prefix, std::string_view text);
    void wipe();  // mutex_ held

    bool quiet_flag_ = false, verbose_flag_ = false, progress_lines_ = false;
    Verbosity verbosity_ = Verbosity::normal;

    Nanoseconds opened_{};

    std::mutex mutex_;  // guards what follows, and the writing to standard error
    Terminal terminal_;
    bool line_shown_ = false;
    std::string stage_;
    Nanoseconds stage_began_{}, last_drawn_{};
    double furthest_ = 0;  // share of the stage that was shown as done
};

}  // namespace leakline::cli
