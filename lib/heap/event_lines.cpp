#include "heap/internal/event_lines.hpp"

#include <bit>
#include <cstring>
#include <type_traits>

namespace leakline::heap {

namespace {

constexpr std::size_t kInfosOfShortLines = 0x10000;  // have at most four digits

struct Marks {
    std::uint64_t newlines = 0;
    std::uint64_t below_digits = 0;  // characters below '0', line ends among them, and those of 0x80 and more
};

struct AnyProcessor {
    static Marks marks_of(const char* block) {
        Marks marks;
#if defined(__x86_64__)
        for (int part = 0; part < 64; part += 16) {
            const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + part));
            const auto bits = [](__m128i mask) { return std::uint64_t{static_cast<unsigned>(_mm_movemask_epi8(mask))}; };
            marks.newlines |= bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'))) << part;
            marks.below_digits |= bits(_mm_cmplt_epi8(bytes, _mm_set1_epi8('0'))) << part;
        }
#else
        for (int i = 0; i < 64; ++i) {
            marks.newlines |= static_cast<std::uint64_t>(block[i] == '\n') << i;
            marks.below_digits |= static_cast<std::uint64_t>(static_cast<signed char>(block[i]) < '0') << i;
        }
#endif
        return marks;
    }
};

#if defined(LEAKLINE_NEWER_PROCESSOR)
struct NewerProcessor {
    LEAKLINE_NEWER_PROCESSOR static Marks marks_of(const char* block) {
        const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block));
        const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 32));
        const __m256i newline = _mm256_set1_epi8('\n'), zero = _mm256_set1_epi8('0');
        const auto pack = [](int first, int second) {
            return std::uint64_t{static_cast<std::uint32_t>(first)} | std::uint64_t{static_cast<std::uint32_t>(second)} << 32;
        };
        return {pack(_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, newline)), _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, newline))),
                pack(_mm256_movemask_epi8(_mm256_cmpgt_epi8(zero, low)), _mm256_movemask_epi8(_mm256_cmpgt_epi8(zero, high)))};
    }
};
#endif

// In 64 bytes that start with a line of events, what is below the digits stands in the first two places of each line
// and at its end:
//
//     block    + 1f\n- 20\n+ 3        newlines  ....1....1...
//                                     expected  11..111..111.
//
// The lines before the first place where that does not hold, or where a number has too many digits, are taken.
template <class Processor, class Word>
[[gnu::always_inline]] inline std::size_t gather_lines(const char*& at, const char* end, std::uint16_t* heads, Word* ends) {
    constexpr bool kShort = std::is_same_v<Word, std::uint32_t>;
    const char* line = at;
    std::size_t taken = 0;
    unsigned first = 0;  // length of the first line
    while (taken + 16 <= EventLines::kMax && line < end) {
        const Marks marks = Processor::marks_of(line);
        std::uint64_t newlines = marks.newlines;
        if (end - line < 64) newlines &= (std::uint64_t{1} << (end - line)) - 1;
        const std::uint64_t starts = newlines << 1 | 1;
        std::uint64_t wrong = marks.below_digits ^ (newlines | starts | starts << 1);
        const std::uint64_t others = ~marks.below_digits, pairs = others & others << 1, fours = pairs & pairs << 2;
        wrong |= fours & fours << (kShort ? 1 : 3);  // the fifth or the seventh of them in a row
        newlines &= (wrong - 1) & ~wrong;            // those below the lowest bit of wrong
        if (newlines == 0) break;
        const auto count = static_cast<std::size_t>(std::popcount(newlines));
        const auto length = static_cast<std::size_t>(std::bit_width(newlines));
        if (taken == 0) first = static_cast<unsigned>(std::countr_zero(newlines));
        std::size_t start = 0;
        // In fours, so that a count that differs from block to block is rarely mispredicted. What comes after the last
        // line is not counted.
        for (std::size_t i = 0; i < count; i += 4) {
            for (std::size_t k = taken + i; k < taken + i + 4; ++k) {
                const auto stop = static_cast<std::size_t>(std::countr_zero(newlines));
                newlines &= newlines - 1;
                Word word;
                std::memcpy(heads + k, line + start, 2);
                std::memcpy(&word, line + stop - sizeof word, sizeof word);
                if constexpr (!kShort) word &= ~Word{0} << ((64 - 8 * (stop - start - 2)) & 63);
                ends[k] = word;
                start = stop + 1;
            }
        }
        taken += count;
        line += length;
    }
    // A short end reaches over at most the line's head and the newline before it, which are no digits; but before the
    // first line can stand anything.
    if (kShort && first > 2 && first < 6) ends[0] &= ~Word{0} << (48 - 8 * first) % 32;
    at = line;
    return taken;
}

// Vectors of kBytes for the ends of lines, and for what belongs to as many lines.
template <std::size_t kBytes, class Word>
struct Vectors {
    static constexpr std::size_t kLines = kBytes / sizeof(Word);
    static_assert(kLines <= EventLines::kSlack);
    typedef Word Ends __attribute__((vector_size(kBytes)));
    typedef std::uint16_t Pairs __attribute__((vector_size(kBytes)));
    typedef std::uint8_t Places __attribute__((vector_size(kBytes)));
    typedef std::int8_t SignedPlaces __attribute__((vector_size(kBytes)));
    typedef std::uint16_t Heads __attribute__((vector_size(2 * kLines)));
    typedef std::int32_t Numbers __attribute__((vector_size(4 * kLines)));
};

// Plain vector arithmetic: the compiler knows what the processor has.
template <std::size_t kBytes, class Word>
[[gnu::always_inline]] inline bool convert_lines(const std::uint16_t* heads, const Word* ends, std::size_t count, std::size_t infos,
                                                 std::uint32_t* entries) {
    using Of = Vectors<kBytes, Word>;
    using Words = typename Of::Ends;
    using Places = typename Of::Places;
    using Numbers = typename Of::Numbers;
    constexpr unsigned kTop = 8 * (sizeof(Word) - 1);
    Words good = ~Words{};
    Numbers in_table = ~Numbers{};
    for (std::size_t i = 0; i < count; i += Of::kLines) {
        Places bytes;
        std::memcpy(&bytes, ends + i, sizeof bytes);
        const Places decimal = bytes - '0', letter = bytes - 'a';
        const Places is_decimal = reinterpret_cast<Places>(decimal < 10);
        const Places is_letter = reinterpret_cast<Places>(letter < 6);
        const Words is_digit = reinterpret_cast<Words>(is_decimal | is_letter);
        const Words below = reinterpret_cast<Words>(reinterpret_cast<typename Of::SignedPlaces>(bytes) < '0');
        good &= is_digit | (below & ((Word{1} << kTop) - 1));                        // a number's last place has a digit
        const Places digits = (decimal & is_decimal) | ((letter + 10) & is_letter);  // the others become 0
        // The first digit is in the lowest byte: digits to pairs, pairs to fours.
        auto pairs = reinterpret_cast<typename Of::Pairs>(digits);
        pairs = (pairs << 4 | pairs >> 8) & 0xff;
        Words fours = reinterpret_cast<Words>(pairs);
        if constexpr (sizeof(Word) == 4) {
            fours = (fours << 8 | fours >> 16) & 0xffff;
        } else {
            fours = (fours << 8 | fours >> 16) & 0x0000ffff0000ffff;
            fours = (fours << 16 | fours >> 32) & 0xffffffff;
        }
        const Numbers numbers = __builtin_convertvector(fours, Numbers);
        in_table &= numbers < static_cast<std::int32_t>(infos);
        typename Of::Heads head;
        std::memcpy(&head, heads + i, sizeof head);
        head += 1;  // "+ " is 0x202b and "- " 0x202d: with 1 added they differ in one bit
        in_table &= __builtin_convertvector((head & 0xfffd) == 0x202c, Numbers);
        const Numbers allocations = __builtin_convertvector((head >> 1 & 1) ^ 1, Numbers);
        const Numbers made = numbers << 1 | allocations;
        std::memcpy(entries + i, &made, sizeof made);
    }
    Word all = ~Word{0};
    std::int32_t all_in_table = -1;
    for (std::size_t lane = 0; lane < Of::kLines; ++lane) {
        all &= good[lane];
        all_in_table &= in_table[lane];
    }
    return all == ~Word{0} && all_in_table == -1;
}

template <class Word>
std::size_t gather_anywhere(const char*& at, const char* end, std::uint16_t* heads, Word* ends) {
    return gather_lines<AnyProcessor>(at, end, heads, ends);
}
template <class Word>
bool convert_anywhere(const std::uint16_t* heads, const Word* ends, std::size_t count, std::size_t infos, std::uint32_t* entries) {
    return convert_lines<16>(heads, ends, count, infos, entries);
}

#if defined(LEAKLINE_NEWER_PROCESSOR)
template <class Word>
LEAKLINE_NEWER_PROCESSOR std::size_t gather_newer(const char*& at, const char* end, std::uint16_t* heads, Word* ends) {
    return gather_lines<NewerProcessor>(at, end, heads, ends);
}
template <class Word>
LEAKLINE_NEWER_PROCESSOR bool convert_newer(const std::uint16_t* heads, const Word* ends, std::size_t count, std::size_t infos,
                                            std::uint32_t* entries) {
    return convert_lines<32>(heads, ends, count, infos, entries);
}
#endif

template <class Word>
void pad(std::uint16_t* heads, Word* ends, std::size_t count) {
    for (std::size_t i = count; i < count + EventLines::kSlack; ++i) {  // good lines, to fill the last group
        heads[i] = '+' | ' ' << 8;
        ends[i] = static_cast<Word>(0x3030303030303030);
    }
}

}  // namespace

std::size_t EventLines::gather(const char*& line, const char* end, std::size_t infos) {
    wide_ = infos > kInfosOfShortLines;
    const auto gather_into = [&](auto* ends) {
#if defined(LEAKLINE_NEWER_PROCESSOR)
        if (newer_processor_) return gather_newer(line, end, heads_.data(), ends);
#endif
        return gather_anywhere(line, end, heads_.data(), ends);
    };
    return count_ = wide_ ? gather_into(long_ends_.data()) : gather_into(short_ends_.data());
}

bool EventLines::convert(std::size_t infos, std::uint32_t* entries) {
    if (infos == 0) return count_ == 0;
    const auto convert_from = [&](auto* ends) {
        pad(heads_.data(), ends, count_);
#if defined(LEAKLINE_NEWER_PROCESSOR)
        if (newer_processor_) return convert_newer(heads_.data(), ends, count_, infos, entries);
#endif
        return convert_anywhere(heads_.data(), ends, count_, infos, entries);
    };
    return wide_ ? convert_from(long_ends_.data()) : convert_from(short_ends_.data());
}

}  // namespace leakline::heap
