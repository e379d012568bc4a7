// Where the lines end, 64 bytes at a time. Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace leakline::heap {

// Bit i is set where block[i] is '\n'; 64 bytes are read.
inline std::uint64_t newlines_of(const char* block) {
#if defined(__SSE2__)
    const __m128i newline = _mm_set1_epi8('\n');
    std::uint64_t mask = 0;
    for (int part = 0; part < 4; ++part) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + part * 16));
        const auto bits = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, newline)));
        mask |= static_cast<std::uint64_t>(bits) << (part * 16);
    }
    return mask;
#else
    std::uint64_t mask = 0;
    for (int i = 0; i < 64; ++i) mask |= static_cast<std::uint64_t>(block[i] == '\n') << i;
    return mask;
#endif
}

}  // namespace leakline::heap
