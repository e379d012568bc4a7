#include "stored_runs.hpp"
#include "base/error.hpp"
#include "details.hpp"
#include "input_files.hpp"
#include "report/json_read.hpp"
#include "system/byte_source.hpp"

#include <utility>

namespace leakline::cli {

std::vector<std::string> stored_run_files(const std::vector<std::string>& paths, std::vector<std::string>& warnings) {
    return files_of(
        paths, [](const std::string& name) { return name.ends_with(".json") || name.ends_with(".json.gz"); },
        "leakline diagnose -o DIR/NAME.json writes a diagnosis", warnings);
}

StoredRuns read_stored_runs(const std::vector<std::string>& files, Messages& messages, const std::stop_token& stop) {
    StoredRuns runs;
    for (const std::string& file : files) {
        if (stop.stop_requested()) break;
        messages.progress("reading", file, static_cast<double>(runs.diagnoses.size()) / static_cast<double>(files.size()));
        try {
            Diagnosis diagnosis = report::read_diagnosis(read_file(file, kReadLimit, stop), file);
            detail_diagnosis(messages, file, diagnosis);
            diagnosis.series = {};
            runs.diagnoses.emplace_back(file, std::move(diagnosis));
        } catch (const Error& error) {
            if (files.size() == 1 || stop.stop_requested()) throw;
            runs.skipped.push_back(in_one_line(error));
            messages.warn(error.what());
        }
    }
    if (runs.diagnoses.empty() && !stop.stop_requested()) throw Error(ErrorKind::input, files.front(), "none of the files is a diagnosis");
    return runs;
}

std::optional<StoredRuns> open_stored_runs(const std::vector<std::string>& paths, Output& output, const std::stop_token& stop) {
    std::vector<std::string> left_out;
    const std::vector<std::string> files = stored_run_files(paths, left_out);
    output.open(files);
    for (const std::string& warning : left_out) output.warn(warning);
    StoredRuns runs = read_stored_runs(files, output, stop);
    return stop.stop_requested() ? std::nullopt : std::optional(std::move(runs));
}

}  // namespace leakline::cli
