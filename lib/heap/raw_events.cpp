#include "heap/internal/raw_events.hpp"

#include <bit>
#include <cstring>

#include "heap/internal/byte_classes.hpp"
#include "heap/internal/hex.hpp"
#include "heap/internal/live_bytes.hpp"

namespace leakline::heap {

namespace {

// One line, for every processor; next: behind its end. The fields are cut at their spaces, all at once, instead of one
// after the other.
bool take_line(const char* line, const char* end, std::uint32_t traces, RawEvent& event, const char*& next) {
    const auto* stop = static_cast<const char*>(std::memchr(line, '\n', static_cast<std::size_t>(end - line)));
    if (stop - line < 3 || line[1] != ' ' || (line[0] != '+' && line[0] != '-')) return false;
    next = stop + 1;
    const char* address = line + 2;
    event.trace = 0;
    if (line[0] == '+') {
        const std::uint32_t spaces = spaces_in(address), others = spaces & (spaces - 1);
        if (others == 0) return false;
        const char* const second = address + std::countr_zero(spaces) + 1;
        const char* const third = address + std::countr_zero(others) + 1;
        std::uint64_t trace;
        if (third >= stop || !parse_hex(address, second - 1, event.size) || !parse_hex(second, third - 1, trace)) return false;
        if (trace >= traces || event.size >= kLargestBlock) return false;
        event.trace = static_cast<std::uint32_t>(trace) + 1;
        address = third;
    }
    return parse_hex(address, stop, event.address) && event.address != 0;
}

#if defined(LEAKLINE_NEWER_PROCESSOR)
// Loaded from `width - n` on, the last n of `width` bytes are all ones.
alignas(32) constexpr std::uint8_t kLastBytes[32] = {0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
                                                     0,    0,    0,    0,    0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

// The same for a line of less than 32 characters whose size and trace have at most eight digits each. All three numbers
// are converted at once, and allocations and frees take the same way: which of them comes next cannot be predicted.
//
//     lower half: the 16 bytes before the line's end      upper half: the 8 before the 2nd space, the 8 before the 3rd
LEAKLINE_NEWER_PROCESSOR inline bool take_short_line(const char* line, std::uint32_t traces, RawEvent& event, const char*& next) {
    const __m256i text = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(line));
    const auto places_of = [&](char c) LEAKLINE_NEWER_PROCESSOR {
        return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, _mm256_set1_epi8(c))));
    };
    std::uint16_t head;
    std::memcpy(&head, line, sizeof head);
    const bool allocation = head == ('+' | ' ' << 8);
    const unsigned stop = _tzcnt_u32(places_of('\n'));
    const std::uint32_t spaces = _bzhi_u32(places_of(' '), stop) & ~2u;  // but for the one of the head
    const std::uint32_t others = _blsr_u32(spaces);
    const bool fits = allocation ? others != 0 && _blsr_u32(others) == 0 : spaces == 0 && head == ('-' | ' ' << 8);
    if (stop >= 32 || !fits) return false;

    const unsigned second = _tzcnt_u32(spaces), third = _tzcnt_u32(others);  // 32 where there is none
    const unsigned address_digits = stop - (allocation ? third + 1 : 2);
    const unsigned size_digits = allocation ? second - 2 : 0, trace_digits = allocation ? third - second - 1 : 0;
    if (address_digits - 1 >= 16 || size_digits > 8 || trace_digits > 8 || (allocation && (size_digits == 0 || trace_digits == 0)))
        return false;
    const auto eight = [](const void* at) LEAKLINE_NEWER_PROCESSOR { return _mm_loadl_epi64(static_cast<const __m128i*>(at)); };
    const __m256i bytes = _mm256_set_m128i(_mm_unpacklo_epi64(eight(line + second - 8), eight(line + third - 8)),
                                           _mm_loadu_si128(reinterpret_cast<const __m128i*>(line + stop - 16)));
    const __m256i digits = _mm256_set_m128i(_mm_unpacklo_epi64(eight(kLastBytes + 8 + size_digits), eight(kLastBytes + 8 + trace_digits)),
                                            _mm_loadu_si128(reinterpret_cast<const __m128i*>(kLastBytes + address_digits)));

    const __m256i decimal = _mm256_sub_epi8(bytes, _mm256_set1_epi8('0')), letter = _mm256_sub_epi8(bytes, _mm256_set1_epi8('a'));
    const __m256i is_decimal = _mm256_cmpeq_epi8(_mm256_min_epu8(decimal, _mm256_set1_epi8(9)), decimal);
    const __m256i is_letter = _mm256_cmpeq_epi8(_mm256_min_epu8(letter, _mm256_set1_epi8(5)), letter);
    if (_mm256_testc_si256(_mm256_or_si256(is_decimal, is_letter), digits) == 0) return false;
    const __m256i values = _mm256_and_si256(digits, _mm256_blendv_epi8(_mm256_add_epi8(letter, _mm256_set1_epi8(10)), decimal, is_decimal));
    // Digits to bytes (16 times the first of two, and the second), then the most significant byte is the first of them.
    const __m256i pairs = _mm256_maddubs_epi16(values, _mm256_set1_epi16(0x0110));
    const __m256i packed = _mm256_packus_epi16(pairs, pairs);
    event.address = __builtin_bswap64(static_cast<std::uint64_t>(_mm256_extract_epi64(packed, 0)));
    const std::uint64_t both = __builtin_bswap64(static_cast<std::uint64_t>(_mm256_extract_epi64(packed, 2)));
    event.size = both >> 32;
    const auto trace = static_cast<std::uint32_t>(both);
    event.trace = allocation ? trace + 1 : 0;
    next = line + stop + 1;
    return event.address != 0 && trace < traces;
}
#endif

template <bool kNewer>
[[gnu::always_inline]] inline std::size_t take_lines(const char*& line, const char* end, std::uint32_t traces, RawEvent* events,
                                                     std::size_t room) {
    std::size_t taken = 0;
    const char* next = line;
    for (; taken < room && line != end; line = next, ++taken) {
#if defined(LEAKLINE_NEWER_PROCESSOR)
        if constexpr (kNewer)
            if (take_short_line(line, traces, events[taken], next)) continue;
#endif
        if (!take_line(line, end, traces, events[taken], next)) break;
    }
    return taken;
}

#if defined(LEAKLINE_NEWER_PROCESSOR)
LEAKLINE_NEWER_PROCESSOR std::size_t take_newer(const char*& line, const char* end, std::uint32_t traces, RawEvent* events,
                                                std::size_t room) {
    return take_lines<true>(line, end, traces, events, room);
}
#endif

}  // namespace

std::size_t RawEvents::take(const char*& line, const char* end, std::uint32_t traces, RawEvent* events, std::size_t room) const {
#if defined(LEAKLINE_NEWER_PROCESSOR)
    if (newer_processor_) return take_newer(line, end, traces, events, room);
#endif
    return take_lines<false>(line, end, traces, events, room);
}

}  // namespace leakline::heap
