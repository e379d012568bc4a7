#include "clock_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <string_view>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "quantity_options.hpp"

namespace leakline::cli {

std::optional<clock::ClockOptions> ClockChoice::options() const {
    if (start == "real") return std::nullopt;
    clock::ClockOptions chosen;
    chosen.shortest_wait = threshold;
    if (start != "now" && !from_log()) chosen.wall_start = parse_any_time(start).at;
    return chosen;
}

std::optional<clock::ClockOptions> ClockChoice::options_without_log() const {
    if (from_log())
        throw Error(ErrorKind::usage, "--clock", "there is no log whose first request could be the start",
                    "give the time: --clock 2026-11-29T08:00:00Z");
    std::optional<clock::ClockOptions> chosen = options();
    if (chosen) chosen->scale = scale().value_or(1);
    return chosen;
}

std::optional<double> ClockChoice::scale() const {
    if (time_scale == "auto") return std::nullopt;
    double scale = 0;
    std::string_view digits = time_scale;
    if (digits.ends_with('x')) digits.remove_suffix(1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), scale);
    if (error != std::errc{} || end != digits.data() + digits.size() || !(scale >= 1 && scale <= clock::Settings::kLargestScale))
        throw Error(ErrorKind::usage, "--time-scale",
                    fmt::format("must be auto or between 1 and {}, not '{}'", clock::Settings::kLargestScale, printable(time_scale)));
    return scale;
}

void add_clock_options(CLI::App& app, ClockChoice& choice) {
    app.add_option("--clock", choice.start,
                   "Start of the service's wall clock: now, a time such as 2026-11-29T08:00:00Z, or recorded (diagnose: the log's first "
                   "request); real: never change its clock")
        ->type_name("START")
        ->capture_default_str()
        ->check(CLI::Validator(
            [](std::string& text) {
                if (text == "now" || text == "recorded" || text == "real") return std::string();
                const ParsedTime time = parse_any_time(text);
                if (time.at && time.at->count() > 0) return std::string();
                return fmt::format("must be now, recorded, real or a time such as 2026-11-29T08:00:00Z, not '{}'", printable(text));
            },
            ""));
    add_duration(app, "--clock-threshold", choice.threshold, "Do not scale waits shorter than this");
}

void add_time_scale(CLI::App& app, ClockChoice& choice) {
    app.add_option("--time-scale", choice.time_scale,
                   "Run the service's clock this many times as fast; auto: 1. diagnose replaces {time_scale} in the command by it, and "
                   "with --soak also sends the traffic this many times as fast; auto is then the most that the service can handle")
        ->type_name("X")
        ->capture_default_str();
}

}  // namespace leakline::cli
