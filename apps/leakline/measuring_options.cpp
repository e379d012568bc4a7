#include "measuring_options.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "choice.hpp"
#include "quantity_options.hpp"

namespace leakline::cli {

void add_target_options(CLI::App& app, diagnose::TargetSpec& spec) {
    app.add_option("--target", spec.url, "URL of the service; {port} is replaced by a free port (default: http://127.0.0.1:{port})")
        ->type_name("URL");
    app.add_option("--ready-path", spec.ready_path, "Path to GET; any response means that the service is ready")
        ->type_name("PATH")
        ->capture_default_str();
    add_duration(app, "--ready-timeout", spec.ready_timeout, "Maximum time that the service may take to start");
    add_duration(app, "--grace", spec.grace, "Time from SIGTERM to SIGKILL");
    app.add_option("--setup", spec.setup, "Shell command to run before each start of the service, such as one that empties its database")
        ->type_name("CMD");
    app.add_option("--cleanup", spec.cleanup, "Shell command to run after each end of the service")->type_name("CMD");
    app.add_option(
           "--stub", spec.stub_logs,
           "Answer what the service calls with the responses in this log (leakline stub); {stub} in the command and STUB_URL in the "
           "environment are its URL")
        ->type_name("LOG");
}

void add_round_options(CLI::App& app, diagnose::RoundPlan& plan, int most) {
    app.add_option("--rounds", plan.rounds, fmt::format("Rounds of traffic, each followed by a measurement, 4 to {}", most))
        ->type_name("N")
        ->capture_default_str()
        ->check(between(4, most));
    add_duration(app, "--min-round", plan.minimum_round, "Minimum duration of a round; at --pace max, the log is repeated to fill it");
    add_duration(app, "--quiet-time", plan.quiet, "Time without requests between the last response of a round and its measurement");
}

void add_budget_option(CLI::App& app, std::optional<Growth>& budget) {
    add_growth(app, "--max-growth", budget, "Tolerate growth below this, such as 64B/request or 1MiB/h");
}

}  // namespace leakline::cli
