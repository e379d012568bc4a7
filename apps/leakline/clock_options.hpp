// Options for the clock of a service: how fast it runs and where it starts.
#pragma once

#include <optional>
#include <string>

#include "cli11_names.hpp"
#include "clock/service_clock.hpp"

namespace leakline::cli {

struct ClockChoice {
    std::string start = "now", time_scale = "auto";
    Nanoseconds threshold = std::chrono::seconds(1);

    bool from_log() const { return start == "recorded"; }
    // What --time-scale says; nothing for auto. Throws Error{usage} for another text.
    std::optional<double> scale() const;
    // Nothing: the service keeps the machine's clock. Its scale is 1.
    std::optional<clock::ClockOptions> options() const;
    // The same for a command without a log, with the scale that was chosen. Throws Error{usage}.
    std::optional<clock::ClockOptions> options_without_log() const;
};

// --clock, --clock-threshold. choice must live as long as app.
void add_clock_options(CLI::App& app, ClockChoice& choice);
// --time-scale, where the command has none of its own.
void add_time_scale(CLI::App& app, ClockChoice& choice);

}  // namespace leakline::cli
