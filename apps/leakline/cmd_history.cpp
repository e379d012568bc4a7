// leakline history: the diagnoses of one service over its commits.
#include <CLI/CLI.hpp>
#include <memory>

#include "analysis/history.hpp"
#include "commands.hpp"
#include "exit_policy.hpp"
#include "output.hpp"
#include "stored_runs.hpp"

namespace leakline::cli {

Run declare_history(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kHistoryForm);
    auto paths = std::make_shared<std::vector<std::string>>();
    app.add_option("runs", *paths, "diagnosis.json files, or directories that contain them")->required()->type_name("FILE|DIR");
    output->add_top(app, "Number of lines to list");
    auto exits = std::make_shared<ExitPolicy>(app);
    return [=](const Interruption& interruption) -> int {
        auto runs = open_stored_runs(*paths, *output, interruption.stop);
        if (!runs) return kInterrupted;
        History history = analysis::make_history(std::move(runs->diagnoses));
        history.warnings.insert(history.warnings.end(), runs->skipped.begin(), runs->skipped.end());
        const bool worsened = history.worsened();
        output->write(std::move(history));
        if (!runs->all_read()) return kUsage;
        return worsened ? exits->leak() : kNoLeak;
    };
}

}  // namespace leakline::cli
