// An array of numbers below 2^40, sizes and places of data that fits into memory, of which there are millions: in 4 bytes each while all
// are below 2^32, then in 5. Larger ones are kept as the largest.
//
// Thread-safety: as std::vector.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace leakline::holders {

class CompactNumbers {
  public:
    static constexpr std::uint64_t kMax = (std::uint64_t{1} << 40) - 1;

    std::size_t size() const { return low_.size(); }
    // All 0.
    void assign(std::size_t size) {
        low_.assign(size, 0);
        high_.clear();
    }
    void push_back(std::uint64_t value) {
        low_.push_back(0);
        if (!high_.empty()) high_.push_back(0);
        set(size() - 1, value);
    }
    std::uint64_t operator[](std::size_t i) const { return high_.empty() ? low_[i] : std::uint64_t{high_[i]} << 32 | low_[i]; }
    void set(std::size_t i, std::uint64_t value) {
        const std::uint64_t kept = std::min(value, kMax);
        low_[i] = static_cast<std::uint32_t>(kept);
        if (high_.empty() && kept >> 32 == 0) return;
        if (high_.empty()) high_.assign(size(), 0);
        high_[i] = static_cast<std::uint8_t>(kept >> 32);
    }

  private:
    std::vector<std::uint32_t> low_;
    std::vector<std::uint8_t> high_;  // empty while all are 0
};

}  // namespace leakline::holders
