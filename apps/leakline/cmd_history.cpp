// leakline history: the diagnoses of one service over its commits.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "analysis/history.hpp"
#include "base/error.hpp"
#include "commands.hpp"
#include "details.hpp"
#include "exit_policy.hpp"
#include "output.hpp"
#include "report/json_read.hpp"
#include "system/byte_source.hpp"

namespace leakline::cli {

namespace {

// A folder stands for the .json files right in it; what is called so and is no file (a pipe would never end) is warned of.
std::vector<std::string> files_of(const std::vector<std::string>& paths, std::vector<std::string>& warnings) {
    std::vector<std::string> files;
    for (const std::string& path : paths) {
        std::error_code error;
        if (!std::filesystem::is_directory(path, error)) {
            files.push_back(path);
            continue;
        }
        std::vector<std::string> found;
        for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
            const std::string name = entry.path().string();
            if (entry.path().extension() != ".json" && !name.ends_with(".json.gz")) continue;
            std::error_code unknown;
            if (entry.is_regular_file(unknown))
                found.push_back(name);
            else
                warnings.push_back(name + ": not a regular file, left out");
        }
        if (error) throw Error(ErrorKind::input, path, "cannot list it: " + error.message());
        if (found.empty()) throw Error(ErrorKind::input, path, "no .json file in it", "leakline diagnose -o DIR/NAME.json writes one");
        std::sort(found.begin(), found.end());
        files.insert(files.end(), found.begin(), found.end());
    }
    return files;
}

}  // namespace

Run declare_history(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kHistoryForm);
    auto paths = std::make_shared<std::vector<std::string>>();
    app.add_option("runs", *paths, "diagnosis.json files, or folders that hold them")->required()->type_name("FILE|DIR");
    output->add_top(app, "Number of lines to list");
    auto exits = std::make_shared<ExitPolicy>(app);
    return [=](const Interruption& interruption) -> int {
        std::vector<std::string> left_out;
        const std::vector<std::string> files = files_of(*paths, left_out);
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
