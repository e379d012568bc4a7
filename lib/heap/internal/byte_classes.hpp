// What the bytes of a text are. Pure, safe from any thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace leakline::heap {

#if defined(__SSE2__)
// All ones in each byte that is one of the `count` characters from `first` on.
inline __m128i bytes_within(__m128i bytes, char first, char count) {
    const __m128i offset = _mm_sub_epi8(bytes, _mm_set1_epi8(first));
    return _mm_cmpeq_epi8(_mm_min_epu8(offset, _mm_set1_epi8(static_cast<char>(count - 1))), offset);
}
#endif

// How many hexadecimal digits stand at text, 16 at most; 16 bytes are read.
inline unsigned digit_run(const char* text) {
#if defined(__SSE2__)
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
    const auto digits = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(bytes_within(bytes, '0', 10), bytes_within(bytes, 'a', 6))));
    return static_cast<unsigned>(std::countr_one(digits));
#else
    unsigned run = 0;
    while (run < 16 && ((text[run] >= '0' && text[run] <= '9') || (text[run] >= 'a' && text[run] <= 'f'))) ++run;
    return run;
#endif
}

// The last place in text where the one character is followed by the other; npos where there is none. Up to 16 bytes
// before and behind text are read.
inline std::size_t last_pair(std::string_view text, char first, char second) {
#if defined(__SSE2__)
    if (text.size() < 2) return std::string_view::npos;
    const __m128i one = _mm_set1_epi8(first), other = _mm_set1_epi8(second);
    for (std::size_t end = text.size() - 1;;) {  // of the places that are left
        const char* at = text.data() + end - 16;
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const __m128i next = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 1));
        auto pairs = static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(bytes, one), _mm_cmpeq_epi8(next, other))));
        if (end < 16) pairs = pairs >> (16 - end) << (16 - end);
        if (pairs != 0) return end - 17 + static_cast<std::size_t>(std::bit_width(pairs));
        if (end <= 16) return std::string_view::npos;
        end -= 16;
    }
#else
    const char pair[2] = {first, second};
    return text.rfind(std::string_view(pair, 2));
#endif
}

// Which of the 32 bytes at text are spaces: bit i is about text[i].
inline std::uint32_t spaces_in(const char* text) {
#if defined(__SSE2__)
    const auto half = [](const char* at) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(' '))));
    };
    return half(text) | half(text + 16) << 16;
#else
    std::uint32_t spaces = 0;
    for (int i = 0; i < 32; ++i) spaces |= static_cast<std::uint32_t>(text[i] == ' ') << i;
    return spaces;
#endif
}

}  // namespace leakline::heap
