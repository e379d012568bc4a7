// Cuts a stream of bytes at separators, into lines for one. Memory is one chunk, or the longest piece where that is larger.
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

    // The first bytes, at most limit (<= kChunk), without taking them. For telling formats apart. With a_line no more is
    // read than it takes to have one: from a pipe the rest may be long in coming.
    enum class Peek { full, a_line };
    std::string_view peek(std::size_t limit, Peek how = Peek::full);

    // The next piece without its separator (the search is for its byte at anchor first, which should be rare in the
    // data), valid until the next call; nothing at the end. The last piece needs no separator; torn() then. A piece
    // over kMaxPiece is skipped: its first bytes are returned and too_long() tells.
    std::optional<std::string_view> next(std::string_view separator, std::size_t anchor = 0);
    // A line without "\n" or "\r\n".
    std::optional<std::string_view> next_line();

    // For formats that have no separators: what is buffered, behind what was taken; valid until more() or next().
    std::string_view window() const { return {buffer_.data() + begin_, end_ - begin_}; }
    // Reads on, so that window() grows at its end; false at the end of the source.
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
    // Of all that the source has, 0 to 1, what was taken from here: it reads far ahead. 0 where nobody knows how much it has.
    double part() const;

  private:
    bool fill();  // false at the end
    std::string_view skip_long_piece(std::string_view separator);

    static constexpr std::size_t kKeptOfLong = 4096;

    std::unique_ptr<ByteSource> source_;
    std::vector<char> buffer_;
    std::string head_of_long_;
    std::size_t begin_ = 0, end_ = 0;
    std::uint64_t pieces_ = 0, offset_ = 0, consumed_ = 0;
    bool at_end_ = false, torn_ = false, too_long_ = false;
};

}  // namespace leakline
