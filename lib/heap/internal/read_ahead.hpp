// Runs of whole lines from a source, decompressed a few chunks ahead in a thread of its own where that helps: reading
// a recording is half decompression, half parsing.
//
// Thread-safety: one object, one thread at a time; the source belongs to this object until it is destroyed.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "system/byte_source.hpp"

namespace leakline::heap {

class ReadAhead {
  public:
    enum class Threads { one, two };
    static constexpr std::size_t kChunk = std::size_t{1} << 18;  // stays in the cache between the two steps
    static constexpr std::size_t kLongestLine = std::size_t{1} << 20;
    static constexpr std::size_t kMargin = 64;  // readable bytes before and behind every run, for wide loads

    ReadAhead(ByteSource& source, Threads threads);
    ~ReadAhead();

    // Whole lines, ends included, valid until the next call; empty at the end of the source. Throws what the source
    // throws.
    std::string_view next();
    // After the end: what stood behind the last line end.
    std::string_view rest() const;
    // Bytes of lines longer than kLongestLine, which were left out.
    std::uint64_t skipped() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace leakline::heap
