// libc's data with a main arena whose bins are empty, but for what an input says.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace leakline::fuzz {

inline constexpr std::uint64_t kLibrarySize = 0x2000;
inline constexpr std::uint64_t kArenaAt = 0x100, kBinsAt = kArenaAt + 112;  // in the library

// put(address, value) writes a word of the library at `library` (kLibrarySize bytes); heap: where chunks are.
template <typename Put>
void put_main_arena(Put put, std::uint64_t library, std::uint64_t heap, std::uint64_t heap_size, std::string_view input) {
    const std::uint64_t bins = library + kBinsAt;
    for (std::uint64_t bin = 0; bin < 127; ++bin)
        for (const std::uint64_t word : {0u, 8u}) put(bins + 16 * bin + word, bins + 16 * bin - 16);
    put(bins + 2048, library + kArenaAt);
    put(bins + 2072, heap_size);
    std::uint64_t words[12] = {};
    std::memcpy(words, input.data(), std::min(input.size(), sizeof words));
    put(bins - 16, heap + words[0] % heap_size / 16 * 16);
    for (std::uint64_t i = 0; i < 10; ++i)
        if (words[i + 1] % 2 == 1) put(bins - 96 + 8 * i, heap + words[i + 1] % heap_size / 16 * 16);
    put(library + 0x1f00, heap + 0x10 + words[11] % heap_size);
}

}  // namespace leakline::fuzz
