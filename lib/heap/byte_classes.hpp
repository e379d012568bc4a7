// What the bytes of a text are. Pure, safe from any thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

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
    const auto digits = static_cast<unsigned>(_mm_movemask_epi8(
        _mm_or_si128(bytes_within(bytes, '0', 10), bytes_within(bytes, 'a', 6))));
    return static_cast<unsigned>(std::countr_one(digits));
#else
    unsigned run = 0;
    while (run < 16 && ((text[run] >= '0' && text[run] <= '9') || (text[run] >= 'a' && text[run] <= 'f'))) ++run;
    return run;
#endif
}

}  // namespace leakline::heap
