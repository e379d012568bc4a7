#include "base/internal/json_escapes.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <tmmintrin.h>  // SSSE3's too, for what is compiled for it
#endif

namespace leakline {

namespace {

#ifdef __SSE2__
// One bit for each of 16 bytes that is '"' or '\'.
unsigned special_bytes(__m128i block) {
    const __m128i hits = _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')), _mm_cmpeq_epi8(block, _mm_set1_epi8('\\')));
    return static_cast<unsigned>(_mm_movemask_epi8(hits));
}
#endif

// The first '"' or '\' in [at, end), or end; what lies before it is copied.
const char* copy_to_special(const char* at, const char* end, char*& to) {
#ifdef __SSE2__
    for (; end - at >= 16; at += 16, to += 16) {
        const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), block);
        const unsigned hits = special_bytes(block);
        if (hits != 0) {
            const int count = __builtin_ctz(hits);
            to += count;
            return at + count;
        }
    }
#endif
    while (at != end && *at != '"' && *at != '\\') *to++ = *at++;
    return at;
}

#ifdef __SSE2__
constexpr std::ptrdiff_t kBlock = 64;

struct Specials {
    std::uint64_t quotes = 0, backslashes = 0;  // one bit for each of 64 bytes
};

[[gnu::always_inline]] inline Specials specials_of_block(const char* at) {
    Specials found;
#pragma GCC unroll 4
    for (int part = 0; part < 4; ++part) {
        const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16 * part));
        const auto bits = [&](char c) {
            const int hits = _mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(c)));
            return std::uint64_t{static_cast<unsigned>(hits)} << (16 * part);
        };
        found.quotes |= bits('"');
        found.backslashes |= bits('\\');
    }
    return found;
}

// For each set of bytes of eight, where those that stay move to.
constexpr std::array<std::array<std::uint8_t, 8>, 256> kCompacted = [] {
    std::array<std::array<std::uint8_t, 8>, 256> table{};
    for (std::size_t dropped = 0; dropped < table.size(); ++dropped) {
        std::size_t to = 0;
        for (std::uint8_t from = 0; from < 8; ++from)
            if ((dropped >> from & 1) == 0) table[dropped][to++] = from;
    }
    return table;
}();

// Blocks whose every quote is escaped and every escape a quote: the backslashes are dropped, eight bytes at a time, and
// nothing is asked of a single byte. Stops before the first other block.
[[gnu::target("ssse3,popcnt")]] const char* copy_escaped_quotes(const char* at, const char* end, char*& out) {
    char* to = out;
    while (end - at >= kBlock) {
        const auto [quotes, backslashes] = specials_of_block(at);
        if (quotes != backslashes << 1) break;
#pragma GCC unroll 8
        for (int part = 0; part < 8; ++part) {
            const auto dropped = static_cast<std::uint8_t>(backslashes >> (8 * part));
            const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at + 8 * part));
            const __m128i places = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kCompacted[dropped].data()));
            _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_shuffle_epi8(bytes, places));
            to += 8 - std::popcount(dropped);
        }
        // A backslash at the end escapes what begins the next block: it is looked at again, with that.
        at += kBlock - static_cast<std::ptrdiff_t>(backslashes >> 63);
    }
    out = to;
    return at;
}

void copy_run(const char* from, const char* end, char*& to) {
    const std::ptrdiff_t size = end - from;
    std::memcpy(to, from, kCopySlack);
    // A block has none that is longer than both.
    if (size > static_cast<std::ptrdiff_t>(kCopySlack)) std::memcpy(to + kCopySlack, from + kCopySlack, kCopySlack);
    to += size;
}
#endif

// As copy_unescaping(), and ends early, anywhere, when the text is nearly over. Where the escapes lie is found for 64 bytes at
// once, so that none waits for the one before it.
const char* copy_blocks(const char* at, const char* end, char*& to) {
#ifdef __SSE2__
    static const bool has_shuffle = __builtin_cpu_supports("ssse3") != 0 && __builtin_cpu_supports("popcnt") != 0;
    for (;;) {
        if (has_shuffle) at = copy_escaped_quotes(at, end, to);
        if (end - at < kBlock + static_cast<std::ptrdiff_t>(kCopySlack)) break;
        const char* const block_end = at + kBlock;
        const char* run = at;  // not copied yet
        const auto [quotes, backslashes] = specials_of_block(at);
        for (std::uint64_t hits = quotes | backslashes; hits != 0; hits &= hits - 1) {
            const char* const hit = at + std::countr_zero(hits);
            copy_run(run, hit, to);
            if (*hit == '"' || (hit[1] != '"' && hit[1] != '\\')) return hit;
            run = hit + 1;     // begins with what was escaped,
            hits &= hits - 1;  // whose bit, if it is in this block, is the next
        }
        if (run == block_end)
            *to++ = *run++;  // escaped by the block's last byte: it means nothing in the next one
        else
            copy_run(run, block_end, to);
        at = run > block_end ? run : block_end;
    }
#endif
    return at;
}

}  // namespace

const char* find_special(const char* at, const char* end) {
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        const unsigned hits = special_bytes(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
        if (hits != 0) return at + __builtin_ctz(hits);
    }
#endif
    while (at != end && *at != '"' && *at != '\\') ++at;
    return at;
}

const char* copy_unescaping(const char* at, const char* end, char*& to) {
    at = copy_blocks(at, end, to);
    for (;;) {
        at = copy_to_special(at, end, to);
        if (end - at < 2 || *at != '\\' || (at[1] != '"' && at[1] != '\\')) return at;
        *to++ = at[1];
        at += 2;
    }
}

}  // namespace leakline
