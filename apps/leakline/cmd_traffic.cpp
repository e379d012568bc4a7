// leakline traffic: writes sample traffic as a log. The generator is in replay/traffic_generator.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "choice.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "messages.hpp"
#include "quantity_options.hpp"
#include "replay/traffic_generator.hpp"
#include "system/output_file.hpp"

namespace leakline::cli {

namespace {

struct Options {
    std::string output = "-";
    std::optional<std::uint64_t> requests;
    std::optional<Nanoseconds> duration;
    std::optional<double> rate;
    std::uint64_t seed = 1, users = 5000;
};

// Any two of requests, duration and rate give the third; one alone goes with the default rate.
replay::TrafficOptions traffic_of(const Options& options) {
    if (options.requests && options.duration && options.rate)
        throw Error(ErrorKind::usage, "leakline traffic", "--requests, --duration and --rate cannot be combined",
                    "give at most two of them; they determine the third");
    replay::TrafficOptions traffic;
    traffic.seed = options.seed;
    traffic.users = options.users;
    const double rate = options.rate.value_or(replay::kSampleRate);
    if (options.requests) traffic.requests = *options.requests;
    if (options.duration) {
        traffic.duration = *options.duration;
        if (!options.requests)
            traffic.requests = static_cast<std::uint64_t>(std::llround(rate * static_cast<double>(options.duration->count()) / 1e9));
    } else {
        const double seconds = static_cast<double>(traffic.requests) / rate;
        if (seconds > 100 * 365 * 86400.0)
            throw Error(ErrorKind::usage, "leakline traffic", "at this rate, the requests would take more than 100 years");
        traffic.duration = Nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
    }
    if (traffic.requests == 0)
        throw Error(ErrorKind::usage, "leakline traffic", "this results in no requests", "a longer --duration or a higher --rate");
    return traffic;
}

}  // namespace

Run declare_traffic(CLI::App& app) {
    auto options = std::make_shared<Options>();
    auto messages = std::make_shared<Messages>(app);
    app.add_option("-o,--output", options->output, "Log to write (-: standard output)")->type_name("FILE")->capture_default_str();
    app.add_option("--requests", options->requests, "Number of requests (default: rate x duration, else 10000)")
        ->type_name("N")
        ->check(between(std::uint64_t{1}, std::uint64_t{1'000'000'000'000}));
    add_duration(app, "--duration", options->duration, "Duration of the log, with a daily load curve");
    add_rate(app, "--rate", options->rate, "Mean rate (default: 11/s, at which trackd --mode leaky fills 512 MiB in 12 h)");
    app.add_option("--users", options->users, "Number of distinct users")
        ->type_name("N")
        ->capture_default_str()
        ->check(between(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
    app.add_option("--seed", options->seed, "Seed of the random numbers; the same seed gives the same log")
        ->type_name("N")
        ->capture_default_str();
    return [=](const Interruption& interruption) {
        messages->open();
        const replay::TrafficOptions traffic = traffic_of(*options);
        messages->detail(fmt::format("{} users, seed {}, {:.3g} requests/s on average", format_count(traffic.users), traffic.seed,
                                     static_cast<double>(traffic.requests) / to_seconds(traffic.duration)));
        OutputFile file(options->output, interruption.stop);
        const double total = static_cast<double>(traffic.requests);
        const auto show = [&](std::uint64_t written) {
            if (options->output != "-")  // which may be the same terminal
                messages->progress("traffic", format_count(written) + " requests", static_cast<double>(written) / total);
        };
        replay::write_traffic(traffic, file, show, interruption.stop);
        if (interruption.requested()) return static_cast<int>(kInterrupted);
        file.commit();
        messages->detail(
            fmt::format("{}: {} requests over {}", options->output, format_count(traffic.requests), format_duration(traffic.duration)));
        return static_cast<int>(kNoLeak);
    };
}

}  // namespace leakline::cli
