// Numbers of variable length, as in protocol buffers: 7 bits per byte, least significant first, zigzag for signed ones.
// Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leakline::heap {

inline void put_varint(std::string& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
}
inline void put_signed(std::string& out, std::int64_t value) {
    put_varint(out, static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
}
inline void put_string(std::string& out, std::string_view text) {
    put_varint(out, text.size());
    out += text;
}

// A cursor over a payload. Once a read fails, good() is false and every later read gives 0 or "".
class VarintReader {
  public:
    explicit VarintReader(std::string_view bytes) : bytes_(bytes) {}

    std::uint64_t number() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
            const auto byte = static_cast<unsigned char>(bytes_[at_++]);
            value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80) return value;
        }
        return fail();
    }
    std::int64_t signed_number() {
        const std::uint64_t value = number();
        return static_cast<std::int64_t>(value >> 1 ^ (~(value & 1) + 1));
    }
    std::string_view string() {
        const std::uint64_t size = number();
        if (size > bytes_.size() - at_) {
            fail();
            return {};
        }
        const std::string_view text = bytes_.substr(at_, size);
        at_ += size;
        return text;
    }
    // A count of elements of at least one byte each: it cannot exceed the number of bytes left.
    std::uint64_t count() {
        const std::uint64_t value = number();
        return value > bytes_.size() - at_ ? fail() : value;
    }
    bool good() const { return good_; }

  private:
    std::uint64_t fail() {
        good_ = false;
        at_ = bytes_.size();
        return 0;
    }

    std::string_view bytes_;
    std::size_t at_ = 0;
    bool good_ = true;
};

}  // namespace leakline::heap
