#include "messages.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "print_error.hpp"
#include "report/progress.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <cstdio>

namespace leakline::cli {

namespace {

constexpr Nanoseconds kRedraw = std::chrono::milliseconds(100), kNextLine = std::chrono::milliseconds(500);

// What a message quotes of files may hold what a terminal obeys, and a line of its own that a CI system does ("::error::"):
// our own further lines are all indented.
std::string shown(std::string_view text) {
    std::string out;
    for (const std::string_view line : split(text, '\n')) {
        if (line.data() != text.data()) out += line.starts_with(' ') ? "\n" : "\\x0a";
        out += printable(line);
    }
    return out;
}

}  // namespace

std::string in_one_line(const Error& error) {
    const std::string where = error.location().empty() ? "" : printable(error.location()) + ": ";
    return where + error.message() + (error.hint().empty() ? "" : " (" + error.hint() + ")");
}

Messages::Messages(CLI::App& command) {
    CLI::Option* quiet = command.add_flag("-q,--quiet", quiet_flag_, "Print only results, warnings and errors");
    command.add_flag("-v,--verbose", verbose_flag_, "Print more details")->excludes(quiet);
    command.add_flag(kProgressOption, progress_lines_, "Print progress as lines")->group("");
}

Messages::~Messages() {
    end_progress();
    if (opened_.count() == 0) return;
    const Nanoseconds spent = system_clock().monotonic() - opened_;
    detail(fmt::format("took {}", format_duration(std::chrono::duration_cast<std::chrono::milliseconds>(spent))));
}

void Messages::open() {
    verbosity_ = quiet_flag_ ? Verbosity::quiet : verbose_flag_ ? Verbosity::verbose : Verbosity::normal;
    terminal_ = detect_terminal(STDERR_FILENO);
    opened_ = system_clock().monotonic();
}

void Messages::wipe() {
    if (!line_shown_) return;
    print_error("\r\x1b[K");
    line_shown_ = false;
}

void Messages::say(std::string_view prefix, std::string_view text) {
    const std::lock_guard lock(mutex_);
    wipe();
    print_error("leakline: {}{}\n", prefix, shown(text));
}

void Messages::warn(std::string_view text) { say("warning: ", text); }

void Messages::note(std::string_view text) {
    if (verbosity_ != Verbosity::quiet) say("", text);
}

void Messages::detail(std::string_view text) {
    if (verbosity_ == Verbosity::verbose) say("", text);
}

void Messages::progress(std::string_view stage, std::string_view what, std::optional<double> fraction) {
    if (!progress_lines_ && (!terminal_.interactive || verbosity_ == Verbosity::quiet)) return;
    const Nanoseconds now = system_clock().monotonic();
    const std::lock_guard lock(mutex_);
    const bool first = stage_ != stage;
    if (first) {
        stage_ = stage;
        stage_began_ = now;
        furthest_ = 0;
    }
    // The bar never goes back, even if the estimate of what is left grows.
    if (fraction) fraction = furthest_ = std::max(furthest_, *fraction);
    if (!first && (progress_lines_ ? now - last_drawn_ < kNextLine : line_shown_ && now - last_drawn_ < kRedraw)) return;
    last_drawn_ = now;
    if (progress_lines_) {
        const std::string share = fraction ? fmt::format(" ({:.0f} %)", *fraction * 100) : "";
        return print_error("{}{}: {}{}\n", kProgressMark, printable(stage), printable(what), share);
    }
    // One column is left free: a full line would wrap, and could not be wiped.
    print_error("\r{}\x1b[K", report::progress_line(what, fraction, now - stage_began_, terminal_.width - 1));
    line_shown_ = true;
}

void Messages::end_progress() {
    const std::lock_guard lock(mutex_);
    wipe();
    std::fflush(stderr);
}

}  // namespace leakline::cli
