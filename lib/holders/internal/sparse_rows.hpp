// Where each of millions of rows begins and ends in one array, when most rows are empty: a bit for each row, and 4 or 5 bytes for each
// that is not empty.
//
// Thread-safety: as std::vector.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "holders/internal/compact_numbers.hpp"

namespace leakline::holders {

class SparseRows {
  public:
    // Half-open.
    struct Row {
        std::uint64_t begin = 0, end = 0;
    };

    SparseRows() { clear(); }
    void clear() {
        words_.clear();
        begins_.assign(1);
        count_ = 0;
    }
    // Rows come in their order.
    void push_back(std::uint64_t size) {
        if (count_ % 64 == 0) words_.push_back({0, static_cast<std::uint32_t>(begins_.size() - 1)});
        if (size > 0) {
            words_.back().filled |= std::uint64_t{1} << count_ % 64;
            begins_.push_back(begins_[begins_.size() - 1] + size);
        }
        ++count_;
    }
    std::size_t size() const { return count_; }
    // Empty for rows that are not there.
    Row operator[](std::size_t row) const {
        if (row >= count_) return {};
        const Word& word = words_[row / 64];
        const std::uint64_t bit = std::uint64_t{1} << row % 64;
        if ((word.filled & bit) == 0) return {};
        const std::size_t place = word.before + bits_of(word.filled & (bit - 1));
        return {begins_[place], begins_[place + 1]};
    }

  private:
    // Faster than the function that std::popcount calls on x86-64 without the instruction, which not all of them have.
    static std::size_t bits_of(std::uint64_t word) {
        word -= word >> 1 & 0x5555555555555555;
        word = (word & 0x3333333333333333) + (word >> 2 & 0x3333333333333333);
        word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f;
        return word * 0x0101010101010101 >> 56;
    }

    struct Word {
        std::uint64_t filled = 0;  // a bit for each of 64 rows
        std::uint32_t before = 0;  // how many rows are filled before them
    };
    std::vector<Word> words_;
    CompactNumbers begins_;  // of the rows that are filled, and where the last of them ends
    std::size_t count_ = 0;
};

}  // namespace leakline::holders
