// Builds a HeapProfile from the records of leakline's own recording (recording_file.hpp).
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "heap/internal/raw_recording.hpp"
#include "heap/internal/varint.hpp"
#include "model/heap.hpp"

namespace leakline::heap {

// Applies records, one function each. A false return: the record contradicts those before it, and what follows cannot
// be trusted.
class RecordingBuilder {
  public:
    explicit RecordingBuilder(HeapProfile& profile) : profile_(profile) {}

    bool apply(char tag, const std::string& payload);
    bool ended() const { return ended_; }
    bool named() const { return named_; }
    const SymbolFeed& symbols() const { return symbols_; }

  private:
    // Whether the program with this build id still is where it was recorded.
    bool is_here(const std::string& build_id) const;
    bool header(VarintReader& in);
    bool modules(VarintReader& in);
    bool ips(VarintReader& in);
    bool traces(VarintReader& in);
    bool rss(VarintReader& in);
    bool figures(VarintReader& in);
    bool mark(VarintReader& in);
    bool variances(VarintReader& in);
    bool sampling(VarintReader& in);
    bool open(VarintReader& in);
    bool peak(VarintReader& in);
    bool strings(VarintReader& in);
    bool frames(VarintReader& in);
    bool generated(VarintReader& in);
    bool names(VarintReader& in);
    bool processes(VarintReader& in);
    bool damage(VarintReader& in);
    bool end(VarintReader& in);
    static std::int64_t sum(std::int64_t a, std::int64_t b);

    HeapProfile& profile_;
    SymbolFeed symbols_;
    std::vector<TraceCost> costs_;
    std::optional<Bytes> in_use_, retained_;  // for the next mark
    std::optional<std::int64_t> overhead_;    // for the next mark
    std::uint64_t rss_ms_ = 0, rss_bytes_ = 0;
    bool ended_ = false, named_ = false;
};

}  // namespace leakline::heap
