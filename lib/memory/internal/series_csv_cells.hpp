// The kinds of the first cells of a CSV.
//
// Thread-safety: functions without state; Blocks: one thread at a time.
#pragma once

#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/csv_cells.hpp"
#include "system/byte_source.hpp"

namespace leakline::memory {

std::string_view without_return(std::string_view line);
// The separator that Excel's line "sep=;" names; 0 if it is another line.
char separator_named(std::string_view line);

enum class CellKind : unsigned char { empty, number, size, share, time, text };
// size: a number with a unit of memory, "12.5MiB", "603.7 MiB/1.955 GiB"; share: "0.63%"; time: ISO 8601, a date, a time
// of day, or seconds (or ms, us, ns) since the epoch of our times.
CellKind cell_kind(std::string_view cell);
// "12.5MiB" of "12.5MiB / 1.944GiB", as docker stats writes usage and limit.
std::string_view before_limit(std::string_view cell);

// The first rows of a file, cell by cell, for what the names do not show.
struct CellSample {
    std::vector<std::vector<std::string_view>> rows;

    // The share, 0 to 1, of the non-empty cells of a column that are of a kind; 0 if all are empty.
    double share(std::size_t column, CellKind kind) const;
    std::size_t width() const;
};

// Whole lines of a source in blocks.
class Blocks {
  public:
    static constexpr std::size_t kBlock = std::size_t{1} << 20;

    explicit Blocks(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

    // Whole lines, valid until the next call; the last may lack its end. Empty at the end. A line longer than a
    // block is split, and its parts are skipped as bad rows.
    std::string_view next() {
        std::memmove(buffer_.data(), buffer_.data() + given_, size_ - given_);
        size_ -= given_;
        given_ = 0;
        while (size_ < buffer_.size()) {
            const std::size_t got = source_->read(std::span(buffer_).subspan(size_));
            if (got == 0) {
                given_ = size_;
                return {buffer_.data(), size_};
            }
            const void* last = ::memrchr(buffer_.data() + size_, '\n', got);
            size_ += got;
            if (last != nullptr && size_ >= kBlock / 2) {
                given_ = static_cast<std::size_t>(static_cast<const char*>(last) - buffer_.data()) + 1;
                return {buffer_.data(), given_};
            }
        }
        const void* last = ::memrchr(buffer_.data(), '\n', size_);
        given_ = last == nullptr ? size_ : static_cast<std::size_t>(static_cast<const char*>(last) - buffer_.data()) + 1;
        return {buffer_.data(), given_};
    }
    StreamEnd end() const { return source_->end(); }

  private:
    std::unique_ptr<ByteSource> source_;
    std::vector<char> buffer_ = std::vector<char>(kBlock);
    std::size_t size_ = 0, given_ = 0;
};

}  // namespace leakline::memory
