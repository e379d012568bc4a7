// Text line by line.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "system/byte_source.hpp"

namespace leakline {

// Lines of a source, without their ends ("\n" or "\r\n"); memory is O(longest line), at most kMaxLine.
class LineReader {
  public:
    static constexpr std::size_t kMaxLine = std::size_t{64} << 20;

    explicit LineReader(std::unique_ptr<ByteSource> source);
    ~LineReader();
    // The next line, valid until the next call; nothing at the end. A last line without an end counts
    // (last_line_torn() tells). A line over kMaxLine is cut there and the rest skipped.
    std::optional<std::string_view> next();
    std::uint64_t number() const { return number_; }  // of the line last returned, from 1
    bool last_line_torn() const { return torn_; }
    const ByteSource& source() const { return *source_; }

  private:
    bool fill();

    std::unique_ptr<ByteSource> source_;
    std::string buffer_;
    std::size_t begin_ = 0, end_ = 0;
    std::uint64_t number_ = 0;
    bool torn_ = false, at_end_ = false;
};

}  // namespace leakline
