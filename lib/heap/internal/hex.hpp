// Hexadecimal numbers as heaptrack writes them: lower case, no prefix. Pure, safe from any thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace leakline::heap {

static_assert(std::endian::native == std::endian::little, "the digit tricks below read little-endian words");

// Eight digits at once ("SIMD within a register"). word holds ASCII digits, the last one in the most significant
// byte, and '0' in the unused low bytes. False where a byte is no lower-case hexadecimal digit.
inline bool parse_hex_word(std::uint64_t word, std::uint64_t& value) {
    constexpr std::uint64_t kOnes = 0x0101010101010101;
    const std::uint64_t letters = (word >> 6) & kOnes;              // 1 where the byte is 0x40..0x7f
    std::uint64_t nibbles = (word & (kOnes * 0x0f)) + letters * 9;  // 'a' & 0xf = 1 -> 10
    // Written back as digits, only digits give the word again.
    const std::uint64_t over_nine = ((nibbles + kOnes * 6) >> 4) & kOnes;
    const std::uint64_t differs = (nibbles + kOnes * 0x30 + over_nine * 0x27) ^ word;
    const bool good = (differs | (nibbles & kOnes * 0xf0)) == 0;
    nibbles = ((nibbles << 4) | (nibbles >> 8)) & 0x00ff00ff00ff00ff;
    nibbles = ((nibbles << 8) | (nibbles >> 16)) & 0x0000ffff0000ffff;
    value = ((nibbles << 16) | (nibbles >> 32)) & 0xffffffff;
    return good;
}

// The number whose digits are [begin, end), at most 16 of them. The eight bytes before begin must be readable (their
// content does not matter). False for an empty or longer field and for anything that is no digit.
inline bool parse_hex(const char* begin, const char* end, std::uint64_t& value) {
    const auto digits = static_cast<std::size_t>(end - begin);
    if (digits - 1 >= 16) return false;
    constexpr std::uint64_t kZeros = 0x3030303030303030;
    std::uint64_t word;
    std::memcpy(&word, end - 8, 8);
    if (digits <= 8) {
        const std::uint64_t keep = ~std::uint64_t{0} << (64 - 8 * digits);
        return parse_hex_word((word & keep) | (kZeros & ~keep), value);
    }
    std::uint64_t low, high;
    if (!parse_hex_word(word, low)) return false;
    std::memcpy(&word, end - 16, 8);
    const std::uint64_t keep = ~std::uint64_t{0} << (64 - 8 * (digits - 8));
    if (!parse_hex_word((word & keep) | (kZeros & ~keep), high)) return false;
    value = high << 32 | low;
    return true;
}

}  // namespace leakline::heap
