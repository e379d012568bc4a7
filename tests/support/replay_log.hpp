// Small native logs, and the accounting identity, for tests of the replay.
#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "model/request_jsonl.hpp"
#include "replay/replay.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::test {

using namespace std::chrono_literals;

inline void check_books(const ReplayStats& stats) {
    CHECK(stats.read == stats.bad + stats.filtered + stats.sent + stats.unsent);
    std::uint64_t ends = std::accumulate(stats.failures.begin(), stats.failures.end(), std::uint64_t{0});
    std::uint64_t answered = 0;
    for (const auto& [status, count] : stats.statuses) answered += count;
    CHECK(stats.completed == answered);
    CHECK(stats.sent == ends + answered);
    std::uint64_t on_paths = 0;
    for (const auto& [path, result] : stats.paths) on_paths += result.sent;
    CHECK(on_paths == stats.sent);
}

inline std::uint64_t failures(const ReplayStats& stats, Failure kind) { return stats.failures[static_cast<std::size_t>(kind)]; }

// A log in a directory of its own.
class LogFile {
  public:
    explicit LogFile(const std::vector<Request>& requests) {
        std::string text;
        for (const Request& request : requests) append_jsonl(text, request);
        write(text);
    }
    explicit LogFile(const std::string& text) { write(text); }
    const std::string& path() const { return path_; }

  private:
    void write(const std::string& text) {
        path_ = directory_.path() + "/traffic.jsonl";
        std::ofstream(path_, std::ios::binary) << text;
    }
    TemporaryDirectory directory_;
    std::string path_;
};

inline std::vector<Request> posts(int count, Nanoseconds apart = 0ns) {
    std::vector<Request> requests;
    for (int i = 0; i < count; ++i) {
        Request request;
        request.at = 1'700'000'000s + apart * i;
        request.method = "POST";
        request.target = "/api/track";
        request.headers = {{"Content-Type", "application/json"}};
        request.body = "{\"user_id\":" + std::to_string(i) + "}";
        requests.push_back(request);
    }
    return requests;
}

inline replay::ReplayOptions options_for(const LogFile& log, const std::string& url) {
    replay::ReplayOptions options;
    options.logs = {log.path()};
    options.target = url;
    options.pace.kind = replay::Pace::Kind::max;
    options.connections = 4;
    return options;
}

}  // namespace leakline::test
