// Internal to the readers of call frame information: takes numbers from a run of bytes, and never reads past its end. It
// allocates nothing. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace leakline::unwind {

// A position in bytes that it does not own. Reading past their end gives 0 and sets the failed state permanently.
class ByteCursor {
  public:
    ByteCursor(const std::uint8_t* at, const std::uint8_t* end) : at_(at), end_(end) {}

    bool bad() const { return bad_; }
    bool at_end() const { return bad_ || at_ == end_; }
    const std::uint8_t* at() const { return at_; }
    std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

    template <typename Number>
    Number number() {
        Number value{};
        if (const std::uint8_t* bytes = take(sizeof value)) std::memcpy(&value, bytes, sizeof value);
        return value;
    }
    std::uint8_t byte() { return number<std::uint8_t>(); }
    std::uint64_t uleb() {
        std::uint64_t value = 0;
        for (unsigned shift = 0;; shift += 7) {
            const std::uint8_t part = byte();
            if (shift > 63) bad_ = true;
            if (bad_) return 0;
            value |= static_cast<std::uint64_t>(part & 0x7f) << shift;
            if ((part & 0x80) == 0) return value;
        }
    }
    std::int64_t sleb() {
        std::uint64_t value = 0;
        for (unsigned shift = 0;;) {
            const std::uint8_t part = byte();
            if (shift > 63) bad_ = true;
            if (bad_) return 0;
            value |= static_cast<std::uint64_t>(part & 0x7f) << shift;
            shift += 7;
            if ((part & 0x80) != 0) continue;
            if (shift < 64 && (part & 0x40) != 0) value |= ~std::uint64_t{0} << shift;
            return static_cast<std::int64_t>(value);
        }
    }
    const std::uint8_t* take(std::uint64_t count) {
        if (bad_ || count > left()) {
            bad_ = true;
            return nullptr;
        }
        const std::uint8_t* bytes = at_;
        at_ += count;
        return bytes;
    }
    // The next `count` bytes as a separate cursor.
    ByteCursor part(std::uint64_t count) {
        const std::uint8_t* bytes = take(count);
        ByteCursor result(bytes, bytes ? bytes + count : nullptr);
        result.bad_ = bad_;
        return result;
    }
    void spoil() { bad_ = true; }

  private:
    const std::uint8_t* at_;
    const std::uint8_t* end_;
    bool bad_ = false;
};

}  // namespace leakline::unwind
