// leakline serve: runs trackd, with its options, under a memory limit that the kernel enforces.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "clock_options.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "memory/limit.hpp"
#include "print_error.hpp"
#include "reference_service.hpp"
#include "system/child_process.hpp"
#include "system/guard.hpp"
#include "system/temporary_directory.hpp"
#include "trackd/options.hpp"

namespace leakline::cli {

namespace {

constexpr std::chrono::seconds kGrace{10};  // trackd itself drains for 5 s

// The options of trackd that were given, as they were given.
std::vector<std::string> given_options(const CLI::App& app) {
    std::vector<std::string> arguments;
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_lnames().empty() || option->get_lnames()[0] == "help" || option->get_lnames()[0].starts_with("clock")) continue;
        const bool is_flag = option->get_expected_max() == 0;
        if (is_flag) {  // a config file can say "quiet = false"
            if (option->count() > 0 && option->as<bool>()) arguments.push_back("--" + option->get_lnames()[0]);
            continue;
        }
        for (const std::string& value : option->results()) {
            arguments.push_back("--" + option->get_lnames()[0]);
            arguments.push_back(value);
        }
    }
    return arguments;
}

ExitStatus wait_or_end(Child& child, const std::stop_token& stop) {
    while (!stop.stop_requested())
        if (const auto status = child.wait_for(std::chrono::hours(1), stop)) return *status;
    return child.terminate(kGrace);
}

int run_serve(const CLI::App& app, const TrackdOptions& options, const ClockChoice& chosen, const std::stop_token& stop) {
    Command command;
    command.arguments = {require_reference_service("it is built with leakline: cmake --build DIR --target trackd")};
    for (std::string& argument : given_options(app)) command.arguments.push_back(std::move(argument));
    // Its database, where no other is named, goes with us even where the kernel kills it.
    const TemporaryDirectory scratch;
    command.environment = {{"TMPDIR", scratch.path()}};
    command.before_exec = [] { return ::prctl(PR_SET_PDEATHSIG, SIGTERM) == 0; };

    // trackd scales its time itself; only the start of its wall clock is set from outside.
    std::optional<clock::ServiceClock> clock;
    if (const auto set = chosen.options_without_log(); set && set->changes_time()) clock.emplace(*set, command.arguments).put_on(command);

    std::optional<memory::MemoryLimit> limit;
    if (options.memory_limit) {
        limit.emplace(memory::MemoryLimit::create(*options.memory_limit));
        if (!limit->warning().empty()) print_error("leakline: warning: {}\n", limit->warning());
        limit->put_on(command);
    }
    if (options.verbose) print_error("leakline: running {}\n", command.text());
    leave_programs_running();  // SIGTERM, above, lets it answer what it is handling
    Child child = Child::start(command);
    const ExitStatus status = wait_or_end(child, stop);
    if (stop.stop_requested() && status.shell_code() == 0) return kNoLeak;  // a drained end is what was asked for
    if (limit) {
        const memory::Termination termination = limit->termination_of(status);
        if (termination.cause == memory::Termination::Cause::oom_killed ||
            termination.cause == memory::Termination::Cause::allocation_failed) {
            print_error("leakline: trackd was {}\n", termination.text);
            return kInvalid;
        }
    }
    if (status.signal != 0) {
        print_error("leakline: trackd ended with {}\n", status.text());
        return kInvalid;
    }
    return status.code;
}

}  // namespace

Run declare_serve(CLI::App& app) {
    auto options = std::make_shared<TrackdOptions>();
    declare_options(app, *options);
    auto clock = std::make_shared<ClockChoice>();
    add_clock_options(app, *clock);
    return [&app, options, clock](const Interruption& interruption) { return run_serve(app, *options, *clock, interruption.stop); };
}

}  // namespace leakline::cli
