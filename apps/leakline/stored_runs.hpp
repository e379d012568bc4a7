// Diagnoses that were stored as JSON, one for each run.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "model/diagnosis.hpp"
#include "output.hpp"

namespace leakline::cli {

struct StoredRuns {
    // By file, in the order given; without their samples, because thousands of runs must fit into memory.
    std::vector<std::pair<std::string, Diagnosis>> diagnoses;
    std::vector<std::string> skipped;  // what could not be read, and why; has been warned of
    bool all_read() const { return skipped.empty(); }
};

// The files that paths name; of a directory those right in it, in the order of their names. warnings: what was left out.
std::vector<std::string> stored_run_files(const std::vector<std::string>& paths, std::vector<std::string>& warnings);
// Throws Error{input} where no file is a diagnosis. At a stop, what was read until then is returned.
StoredRuns read_stored_runs(const std::vector<std::string>& files, Messages& messages, const std::stop_token& stop);
// Both, after the output was opened; nothing at a stop. Throws as Output::open does, too.
std::optional<StoredRuns> open_stored_runs(const std::vector<std::string>& paths, Output& output, const std::stop_token& stop);

}  // namespace leakline::cli
