// Blocks of traffic with a random mix of the kinds of requests in a log: from how memory grows over them, a regression
// shows which kind leaks (see analysis/lines/per_path.hpp). In the log itself the kinds mostly rise and fall together.
//
// Thread-safety: none needed after construction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/request.hpp"
#include "replay/replay.hpp"

namespace leakline::diagnose {

class PathMix {
  public:
    static constexpr std::size_t kMaxKinds = 8;         // the most frequent ones; blocks hold no others
    static constexpr std::size_t kSamplesOfKind = 200;  // requests kept of each, spread over the log

    // Reads what is sent of the logs once. Each time a request is written, the identifiers of the traffic's fresh_plan get new
    // values; first_generation: one that the service has not seen. Throws Error{input} as reading the logs does.
    PathMix(const replay::ReplayOptions& traffic, std::uint64_t first_generation);

    // "POST /api/track", as it is sent, identifiers in paths as "*"; a kind needs 5 requests and 1 % of the log.
    const std::vector<std::string>& kinds() const { return kinds_; }
    // How many blocks are needed to separate the kinds and the growth per connection, with some reserve.
    int blocks_needed() const { return static_cast<int>(3 * (kinds_.size() + 3)); }
    // Writes block `number` of about `size` requests, for replay::for_selected(), to the file path; returns how many of
    // each kind it holds. The same number gives the same requests. What they say of connections is left out: how many the
    // block opens is for the caller. Throws Error{system}.
    std::vector<std::uint64_t> write_block(int number, std::size_t size, const std::string& path);

  private:
    std::vector<std::string> kinds_;
    std::vector<std::vector<Request>> samples_;            // of each kind
    std::vector<std::vector<std::uint64_t>> generations_;  // of each sample, that it is written in next
    std::optional<replay::FreshValues> fresh_;
};

}  // namespace leakline::diagnose
