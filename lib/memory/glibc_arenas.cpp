#include "memory/glibc_arenas.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

namespace leakline::memory::glibc {

namespace {

constexpr std::uint64_t kArenaToBins[] = {112, 104};
// Most bins (those of large sizes) are empty in any program: they point to themselves, unlike anything else in libc.
constexpr int kMinEmptyBins = 24;

// The writable part of libc, with the anonymous .bss that follows it.
std::vector<Mapping> libc_data(std::span<const Mapping> mappings) {
    std::vector<Mapping> found;
    bool after_libc = false;
    for (const Mapping& mapping : mappings) {
        const bool libc = is_library(mapping.path);
        const bool data = mapping.readable && mapping.writable && !mapping.executable && !mapping.shared;
        if (data && (libc || (after_libc && mapping.path.empty())) && mapping.size() < (1u << 20)) found.push_back(mapping);
        after_libc = libc;
    }
    return found;
}

// A copy of a mapping, by address.
class Image {
  public:
    Image(std::uint64_t begin, std::vector<char> bytes) : begin_(begin), bytes_(std::move(bytes)) {}
    std::uint64_t begin() const { return begin_; }
    std::uint64_t end() const { return begin_ + bytes_.size(); }
    std::uint64_t word(std::uint64_t address) const { return read<std::uint64_t>(address); }
    std::uint32_t half(std::uint64_t address) const { return read<std::uint32_t>(address); }

  private:
    template <typename Number>
    Number read(std::uint64_t address) const {
        Number value = 0;
        if (address >= begin() && address + sizeof value <= end()) std::memcpy(&value, bytes_.data() + (address - begin()), sizeof value);
        return value;
    }
    std::uint64_t begin_;
    std::vector<char> bytes_;
};

int empty_bins(const Image& image, std::uint64_t bins) {
    int count = 0;
    for (std::uint64_t bin = 0; bin < kBins; ++bin) {
        const std::uint64_t at = bins + 16 * bin, self = at - 16;
        count += image.word(at) == self && image.word(at + 8) == self;
    }
    return count;
}

// mp_, malloc's parameters, by three values that only tunables change: top_pad (128 KiB), arena_test (8) and
// n_mmaps_max (65536). 2.35 put three fields of huge pages in between.
std::uint64_t find_mmapped_bytes(const Image& image) {
    for (std::uint64_t at = image.begin(); at + 96 <= image.end(); at += 8) {
        if (image.word(at + 8) != 0x20000 || image.word(at + 24) != 8) continue;
        if (image.half(at + 64) == 65536) return at + 80;
        if (image.half(at + 44) == 65536) return at + 56;
    }
    return 0;
}

}  // namespace

bool is_main_arena(std::uint64_t bins, std::uint64_t arena_to_bins, const ReadMemory& read) {
    const std::uint64_t start = bins - arena_to_bins;
    std::uint64_t arena = start;
    for (int i = 0; i < kMaxArenas; ++i) {
        std::uint64_t next = 0;
        if (!read(arena + arena_to_bins + kNext, &next, sizeof next) || next == 0) return false;
        if (next == start) return true;
        arena = next;
    }
    return false;
}

bool is_library(std::string_view path) {
    return path.ends_with("/libc.so.6") || (path.find("/libc-2.") != std::string_view::npos && path.ends_with(".so"));
}

std::optional<Layout> find_layout(std::span<const Mapping> mappings, const ReadMemory& read) {
    const auto is_mapped = [&](std::string_view part) {
        return std::any_of(mappings.begin(), mappings.end(),
                           [&](const Mapping& mapping) { return mapping.path.find(part) != std::string::npos; });
    };
    Layout layout;
    // Since 2.34 the file has the library's name, without its version.
    layout.masked_links = !is_mapped("/libc-2.") || is_mapped("/libc-2.32") || is_mapped("/libc-2.33");
    for (const Mapping& mapping : libc_data(mappings)) {
        std::vector<char> bytes(mapping.size());
        if (!read(mapping.begin, bytes.data(), bytes.size())) continue;
        const Image image(mapping.begin, std::move(bytes));
        if (layout.mmapped_bytes == 0) layout.mmapped_bytes = find_mmapped_bytes(image);
        for (std::uint64_t bins = image.begin() + 112; layout.bins == 0 && bins + kStateEnd <= image.end(); bins += 8) {
            // The last bin, of sizes near 2^63, is empty in every program.
            const std::uint64_t last = bins + 16 * (kBins - 1);
            if (image.word(last) != last - 16 || empty_bins(image, bins) < kMinEmptyBins) continue;
            for (const std::uint64_t distance : kArenaToBins)
                if (layout.bins == 0 && is_main_arena(bins, distance, read)) {
                    layout.bins = bins;
                    layout.arena_to_bins = distance;
                }
        }
    }
    return layout.bins == 0 ? std::nullopt : std::optional(layout);
}

bool read_arena(const Layout& layout, std::uint64_t address, const ReadMemory& read, Arena& arena) {
    arena.bins = address + layout.arena_to_bins;
    return read(arena.bins - kFastToBins, arena.words, sizeof arena.words);
}

}  // namespace leakline::memory::glibc
