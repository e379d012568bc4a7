#include "exit_policy.hpp"

#include <CLI/CLI.hpp>

#include "choice.hpp"

namespace leakline::cli {

ExitPolicy::ExitPolicy(CLI::App& app) {
    app.add_option("--inconclusive", inconclusive_, "Exit code for an inconclusive run: fail (3), warn or pass (0)")
        ->transform(choice_of<Inconclusive>({{"fail", Inconclusive::fail}, {"warn", Inconclusive::warn}, {"pass", Inconclusive::pass}}))
        ->type_name("fail|warn|pass")
        ->default_str("fail");
    app.add_option("--leak-exit-code", leak_, "Exit code for a leak or a failed gate, 0 to 125")
        ->check(between(0, 125))
        ->type_name("N")
        ->default_str("1");
}

int ExitPolicy::inconclusive(Output& output, const std::string& reason) const {
    if (inconclusive_ == Inconclusive::warn) output.warn("inconclusive: " + reason);
    return inconclusive_ == Inconclusive::fail ? kInconclusive : kNoLeak;
}

}  // namespace leakline::cli
