// The contents of request logs, for tests of their formats.
#pragma once

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "model/request.hpp"
#include "replay/log.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::test {

using namespace std::chrono_literals;

inline std::string sample(const std::string& name) { return std::string(LEAKLINE_TESTDATA "/logs/") + name; }

struct Contents {
    std::vector<Request> requests;
    std::string formats;
    std::vector<std::string> damage, warnings;
};

// Reads what can be read, however little that is.
inline replay::LogOptions lenient() {
    replay::LogOptions options;
    options.max_bad_share = 1;
    return options;
}

inline Contents read(const std::vector<std::string>& paths, const replay::LogOptions& options = lenient()) {
    replay::RequestLog log = replay::open_log(paths, options);
    Contents contents;
    while (std::optional<Request> request = log.next()) contents.requests.push_back(std::move(*request));
    contents.formats = log.log().formats();
    contents.damage = log.log().damage().lines();
    contents.warnings = log.log().warnings();
    return contents;
}

// Reads text as a log of its own.
inline Contents read_text(const std::string& text, const replay::LogOptions& options = lenient()) {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/log";
    std::ofstream(path, std::ios::binary) << text;
    Contents contents = read({path}, options);
    for (std::string& line : contents.damage) line = line.substr(line.find(':') + 1);
    return contents;
}

inline std::string header(const Request& request, const std::string& name) {
    std::string all;
    for (const auto& [key, value] : request.headers)
        if (key == name) all += (all.empty() ? "" : "|") + value;
    return all;
}

// 2023-10-10T11:55:36Z, the hour of all samples but the .gor.
inline constexpr Nanoseconds kSampleTime = 1696938936s;

}  // namespace leakline::test
