// leakline gate: what a CI job with these runs catches, and what it does not.
#include <CLI/CLI.hpp>
#include <memory>

#include "analysis/gate_report.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "output.hpp"
#include "stored_runs.hpp"

namespace leakline::cli {

Run declare_gate(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kGateForm);
    auto paths = std::make_shared<std::vector<std::string>>();
    app.add_option("runs", *paths, "diagnosis.json files of the gate, or directories that contain them")->required()->type_name("FILE|DIR");
    return [=](const Interruption& interruption) -> int {
        auto runs = open_stored_runs(*paths, *output, interruption.stop);
        if (!runs) return kInterrupted;
        output->write(analysis::explain_gate(std::move(runs->diagnoses)));
        return runs->all_read() ? kNoLeak : kUsage;  // the runs have returned their verdicts
    };
}

}  // namespace leakline::cli
