// leakline history: the diagnoses of one service over its commits.
#include <fmt/format.h>

#include <memory>

#include "analysis/history.hpp"
#include "base/error.hpp"
#include "commands.hpp"
#include "details.hpp"
#include "exit_policy.hpp"
#include "input_files.hpp"
#include "output.hpp"
#include "report/json_read.hpp"
#include "system/byte_source.hpp"

namespace leakline::cli {

namespace {

bool is_json(const std::string& name) { return name.ends_with(".json") || name.ends_with(".json.gz"); }

}  // namespace

Run declare_history(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kHistoryForm);
    auto paths = std::make_shared<std::vector<std::string>>();
    app.add_option("runs", *paths, "diagnosis.json files, or directories that contain them")->required()->type_name("FILE|DIR");
    output->add_top(app, "Number of lines to list");
    auto exits = std::make_shared<ExitPolicy>(app);
    return [=](const Interruption& interruption) -> int {
        std::vector<std::string> left_out;
        const std::vector<std::string> files = files_of(*paths, is_json, "leakline diagnose -o DIR/NAME.json writes a diagnosis", left_out);
        output->open(files);
        for (const std::string& warning : left_out) output->warn(warning);
        std::vector<std::pair<std::string, Diagnosis>> diagnoses;
        std::vector<std::string> skipped;
        for (const std::string& file : files) {
            if (interruption.requested()) return kInterrupted;
            output->progress("reading", file, static_cast<double>(diagnoses.size()) / static_cast<double>(files.size()));
            try {
                Diagnosis diagnosis = report::read_diagnosis(read_file(file, kReadLimit, interruption.stop), file);
                detail_diagnosis(*output, file, diagnosis);
                diagnosis.series = {};  // thousands of runs must fit into memory
                diagnoses.emplace_back(file, std::move(diagnosis));
            } catch (const Error& error) {
                if (files.size() == 1 || interruption.requested()) throw;
                skipped.push_back(error.what());
                output->warn(error.what());
            }
        }
        if (diagnoses.empty()) throw Error(ErrorKind::input, files.front(), "none of the files is a diagnosis");
        History history = analysis::make_history(std::move(diagnoses));
        history.warnings.insert(history.warnings.end(), skipped.begin(), skipped.end());
        const bool worsened = history.worsened();
        output->write(std::move(history));
        if (!skipped.empty()) return kUsage;
        return worsened ? exits->leak() : kNoLeak;
    };
}

}  // namespace leakline::cli
