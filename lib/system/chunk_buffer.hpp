// Cuts a stream of bytes at separators, for example into lines. Memory is one chunk, or the longest piece where that is larger.
//
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "system/byte_source.hpp"

namespace leakline {

class ChunkBuffer {
  public:
    static constexpr std::size_t kChunk = 256 * 1024;
    static constexpr std::size_t kMaxPiece = std::size_t{64} << 20;

    explicit ChunkBuffer(std::unique_ptr<ByteSource> source);

    // The first bytes, at most limit, without consuming them, to detect a format. With a_line it reads no more
    // than one line: the rest may come from a pipe much later.
    enum class Peek { full, a_line };
    std::string_view peek(std::size_t limit, Peek how = Peek::full);

    // The next piece without its separator (the search is for its byte at anchor first, which should be rare in the
    // data), valid until the next call; nothing at the end. The last piece needs no separator; torn() then. A piece
    // over twice kMaxPiece is skipped, one over kMaxPiece may be: its first bytes are returned, and too_long() is true.
    std::optional<std::string_view> next(std::string_view separator, std::size_t anchor = 0);
    // A line without "\n" or "\r\n".
    std::optional<std::string_view> next_line();

    // For formats without separators: the buffered bytes that are not yet consumed; valid until more() or next().
    std::string_view window() const { return {buffer_.data() + begin_, end_ - begin_}; }
    // Reads more, so that window() grows at its end; false at the end of the source.
    bool more() { return fill(); }
    void consume(std::size_t count) {  // <= window().size()
        begin_ += count;
        consumed_ += count;
    }

    std::uint64_t pieces() const { return pieces_; }  // returned so far: the line number where pieces are lines
    std::uint64_t offset() const { return offset_; }  // of the piece last returned, in decompressed bytes
    bool torn() const { return torn_; }
    bool too_long() const { return too_long_; }
    const ByteSource& source() const { return *source_; }
    // The consumed part of the source, 0 to 1 (the source reads ahead of it); 0 if the size of the source is not known.
    double part() const;

  private:
    bool fill();  // false at the end
    std::string_view skip_long_piece(std::string_view separator);

    static constexpr std::size_t kLongLineHead = 4096;

    std::unique_ptr<ByteSource> source_;
    std::vector<char> buffer_;
    std::string head_of_long_;
    std::size_t begin_ = 0, end_ = 0;
    std::uint64_t pieces_ = 0, offset_ = 0, consumed_ = 0;
    bool at_end_ = false, torn_ = false, too_long_ = false;
};

}  // namespace leakline
