// Runs `leakline diagnose` on a service, and reads its report.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/binary.hpp"
#include "system/byte_source.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::test {

struct Diagnosed {
    Outcome outcome;
    nlohmann::json report;
};

// log: a request log. options: of diagnose, besides --traffic and -o. service: its command line.
inline Diagnosed diagnose_service(const std::string& log, const std::vector<std::string>& options,
                                  const std::vector<std::string>& service) {
    const TemporaryDirectory directory;
    const std::string report = directory.path() + "/report.json";
    std::vector<std::string> words = {"diagnose", "--traffic", log, "-o", report};
    words.insert(words.end(), options.begin(), options.end());
    words.emplace_back("--");
    words.insert(words.end(), service.begin(), service.end());
    Diagnosed result;
    result.outcome = run_binary("leakline", words);
    INFO(result.outcome.out << result.outcome.err);
    REQUIRE(std::filesystem::exists(report));
    result.report = nlohmann::json::parse(read_file(report));
    return result;
}

// The number of the line of a source file that has this text.
inline int line_with(const std::string& file, const std::string& text) {
    const std::string source = read_file(file);
    const std::size_t at = source.find(text);
    REQUIRE(at != source.npos);
    return 1 + static_cast<int>(std::count(source.begin(), source.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

// How far the growth of a line may be from the truth by chance, as a share of it: four standard errors of its samples, which have to be
// enough for 10 % each.
inline double noise_of_samples(const nlohmann::json& line) {
    const double share = line.value("growth_error_bytes", 0.0) / line["growth_bytes"].get<double>();
    CHECK(share < 0.1);
    return 4 * share;
}

}  // namespace leakline::test
