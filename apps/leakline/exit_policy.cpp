#include "exit_policy.hpp"

#include "choice.hpp"

namespace leakline::cli {

ExitPolicy::ExitPolicy(CLI::App& app) {
    app.add_option("--inconclusive", inconclusive_, "what an inconclusive run is: fail (exit 3), warn or pass (exit 0) [fail]")
        ->transform(choice_of<Inconclusive>(
            {{"fail", Inconclusive::fail}, {"warn", Inconclusive::warn}, {"pass", Inconclusive::pass}}))
        ->type_name("fail|warn|pass");
    app.add_option("--leak-exit-code", leak_, "exit code of a leak or a failed gate, instead of 1")
        ->check(CLI::Range(0, 125).description(""))
        ->type_name("N");
}

int ExitPolicy::inconclusive(Output& output, const std::string& reason) const {
    if (inconclusive_ == Inconclusive::warn) output.warn("inconclusive: " + reason);
    return inconclusive_ == Inconclusive::fail ? kInconclusive : kNoLeak;
}

}  // namespace leakline::cli
