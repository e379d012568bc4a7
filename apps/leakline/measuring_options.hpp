// How a service is started and its rounds of traffic are measured: the options that diagnose and minimize share.
#pragma once

#include "cli11_names.hpp"
#include "diagnose/diagnose.hpp"

namespace leakline::cli {

// --target, --ready-path, --ready-timeout, --grace, --setup, --cleanup, --stub. spec must live as long as app.
void add_target_options(CLI::App& app, diagnose::TargetSpec& spec);

// --rounds (4 to most), --min-round, --quiet-time. plan must live as long as app.
void add_round_options(CLI::App& app, diagnose::RoundPlan& plan, int most);

// --max-growth, of a run of a service.
void add_budget_option(CLI::App& app, std::optional<Growth>& budget);

}  // namespace leakline::cli
