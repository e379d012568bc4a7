// Blocks of traffic with a random mix of the kinds of requests in a log: from how memory grows over them, a regression
// can tell which kind leaks (see analysis/per_path.hpp). In the log itself the kinds mostly rise and fall together.
//
// Thread-safety: none needed after construction.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/request.hpp"
#include "replay/replay.hpp"

namespace leakline::diagnose {

class PathMix {
  public:
    static constexpr std::size_t kMostKinds = 8;        // the most frequent ones; blocks hold no others
    static constexpr std::size_t kSamplesOfKind = 200;  // requests kept of each, spread over the log

    // Reads what is sent of the logs once. Throws Error{input} as reading them does.
    explicit PathMix(const replay::ReplayOptions& traffic);

    // "POST /api/track", as it is sent, identifiers in paths as "*"; a kind needs 5 requests and 1 % of the log.
    const std::vector<std::string>& kinds() const { return kinds_; }
    // How many blocks it takes to tell the kinds apart with some to spare.
    int blocks_needed() const { return static_cast<int>(3 * (kinds_.size() + 2)); }
    // Writes block `number` of about `size` requests, for replay::for_selected(), to the file path; returns how many of
    // each kind it holds. The same number gives the same block. Throws Error{system}.
    std::vector<std::uint64_t> write_block(int number, std::size_t size, const std::string& path) const;

  private:
    std::vector<std::string> kinds_;
    std::vector<std::vector<Request>> samples_;  // of each kind
};

}  // namespace leakline::diagnose
