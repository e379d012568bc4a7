#include "memory/glibc_heap.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

#include "base/file.hpp"

namespace leakline::memory {

namespace {

// struct malloc_state (glibc malloc/malloc.c) from its bins on, the same from 2.26 to 2.40; before the bins stand
// mutex, flags, have_fastchunks and the fast bins: 112 bytes, 104 in builds without have_fastchunks.
//
//   bins - 16  top               the chunk at the arena's end that new chunks are cut from
//   bins       254 pointers      fd and bk of 127 bins; bin i is the chunk-like address &bins[2i] - 16
//   bins+2032  binmap[4]
//   bins+2048  next              the ring of arenas
//   bins+2072  system_mem        bytes that the arena has from the kernel
constexpr std::uint64_t kBins = 127;
constexpr std::uint64_t kTop = 16, kNext = 2048, kSystemBytes = 2072;
constexpr std::uint64_t kArenaToBins[] = {112, 104};
constexpr std::uint64_t kStateEnd = kSystemBytes + 8;
// Most bins (those of large sizes) are empty in any program: they point to themselves, as nothing else in libc does.
constexpr int kFewestEmptyBins = 24;
constexpr int kMostArenas = 4096;
constexpr std::uint64_t kSmallestChunk = 32, kFlagBits = 15;

struct Region {
    std::uint64_t begin = 0, end = 0;
};

// The writable part of libc in /proc/PID/maps, with the anonymous .bss that follows it.
std::vector<Region> libc_data(std::string_view maps) {
    std::vector<Region> regions;
    bool after_libc = false;
    for (const std::string_view line : split(maps, '\n')) {
        // 7f01c4000000-7f01c4021000 rw-p 001d0000 fe:00 1234   /usr/lib/x86_64-linux-gnu/libc.so.6
        Region region;
        const char* end = line.data() + line.size();
        const auto first = std::from_chars(line.data(), end, region.begin, 16);
        if (first.ec != std::errc{} || first.ptr == end) continue;
        const auto second = std::from_chars(first.ptr + 1, end, region.end, 16);
        if (second.ec != std::errc{} || region.end <= region.begin) continue;
        const bool libc = line.ends_with("/libc.so.6") || (line.find("/libc-2.") != std::string_view::npos && line.ends_with(".so"));
        const bool anonymous = line.find('/') == std::string_view::npos && line.find('[') == std::string_view::npos;
        const bool writable = line.find(" rw-p ") != std::string_view::npos;
        if (writable && (libc || (after_libc && anonymous)) && region.end - region.begin < (1u << 20))
            regions.push_back(region);
        after_libc = libc;
    }
    return regions;
}

// A copy of a region, by address.
class Image {
  public:
    Image(Region region, std::vector<char> bytes) : region_(region), bytes_(std::move(bytes)) {}
    std::uint64_t begin() const { return region_.begin; }
    std::uint64_t end() const { return region_.begin + bytes_.size(); }
    std::uint64_t word(std::uint64_t address) const { return read<std::uint64_t>(address); }
    std::uint32_t half(std::uint64_t address) const { return read<std::uint32_t>(address); }

  private:
    template <typename Number>
    Number read(std::uint64_t address) const {
        Number value = 0;
        if (address >= begin() && address + sizeof value <= end())
            std::memcpy(&value, bytes_.data() + (address - begin()), sizeof value);
        return value;
    }
    Region region_;
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

GlibcHeap::GlibcHeap(int pid, const SystemRoots& roots)
    : pid_(pid), maps_path_(roots.proc + "/" + std::to_string(pid) + "/maps") {}

bool GlibcHeap::copy(std::uint64_t address, void* to, std::size_t size) const {
    const iovec local{to, size};
    const iovec remote{reinterpret_cast<void*>(address), size};
    return ::process_vm_readv(pid_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

std::optional<std::uint64_t> GlibcHeap::word(std::uint64_t address) const {
    std::uint64_t value = 0;
    if (!copy(address, &value, sizeof value)) return std::nullopt;
    return value;
}

// The ring of arenas leads back to where it starts: that no mistaken place does.
bool GlibcHeap::is_main_arena(std::uint64_t bins, std::uint64_t arena_to_bins) const {
    const std::uint64_t start = bins - arena_to_bins;
    std::uint64_t arena = start;
    for (int i = 0; i < kMostArenas; ++i) {
        const auto next = word(arena + arena_to_bins + kNext);
        if (!next || *next == 0) return false;
        if (*next == start) return true;
        arena = *next;
    }
    return false;
}

void GlibcHeap::locate() {
    const auto maps = read_small_file(maps_path_);
    if (!maps) return;
    Layout layout;
    for (const Region& region : libc_data(*maps)) {
        std::vector<char> bytes(region.end - region.begin);
        if (!copy(region.begin, bytes.data(), bytes.size())) continue;
        const Image image(region, std::move(bytes));
        if (layout.mmapped_bytes == 0) layout.mmapped_bytes = find_mmapped_bytes(image);
        for (std::uint64_t bins = image.begin() + 112; layout.bins == 0 && bins + kStateEnd <= image.end(); bins += 8) {
            // The last bin, of sizes near 2^63, is empty in every program.
            const std::uint64_t last = bins + 16 * (kBins - 1);
            if (image.word(last) != last - 16 || empty_bins(image, bins) < kFewestEmptyBins) continue;
            for (const std::uint64_t distance : kArenaToBins)
                if (layout.bins == 0 && is_main_arena(bins, distance)) {
                    layout.bins = bins;
                    layout.arena_to_bins = distance;
                }
        }
    }
    if (layout.bins != 0) layout_ = layout;
}

std::optional<Bytes> GlibcHeap::free_in_bins(std::uint64_t bins, Bytes system_bytes, std::size_t& chunks) const {
    std::uint64_t heads[2 * kBins];
    if (!copy(bins, heads, sizeof heads)) return std::nullopt;
    Bytes total = 0;
    for (std::uint64_t bin = 0; bin < kBins; ++bin) {
        const std::uint64_t self = bins + 16 * bin - 16;
        for (std::uint64_t chunk = heads[2 * bin]; chunk != self;) {
            std::uint64_t header[3];  // size of the chunk before, size and flags, fd
            if (++chunks > kMostChunks || !copy(chunk, header, sizeof header)) return std::nullopt;
            const Bytes size = header[1] & ~kFlagBits;
            // A chunk that was taken from its bin while we walked has other things in these words.
            if (size < kSmallestChunk || size > system_bytes || header[2] == 0) return std::nullopt;
            total += size;
            if (total > system_bytes) return std::nullopt;
            chunk = header[2];
        }
    }
    return total;
}

std::optional<MallocFigures> GlibcHeap::walk() const {
    MallocFigures figures;
    const std::uint64_t start = layout_->bins - layout_->arena_to_bins;
    std::uint64_t arena = start;
    Bytes system_total = 0;
    std::size_t chunks = 0;
    for (int i = 0; i < kMostArenas; ++i) {
        const std::uint64_t bins = arena + layout_->arena_to_bins;
        const auto system_bytes = word(bins + kSystemBytes), top = word(bins - kTop), next = word(bins + kNext);
        if (!system_bytes || !top || !next) return std::nullopt;
        if (*system_bytes > 0) {
            const auto top_size = word(*top + 8);
            const auto free = free_in_bins(bins, *system_bytes, chunks);
            if (!top_size || !free || (*top_size & ~kFlagBits) > *system_bytes) return std::nullopt;
            figures.retained += *free + (*top_size & ~kFlagBits);
            system_total += *system_bytes;
        }
        if (*next == start) break;
        arena = *next;
    }
    const auto mmapped = layout_->mmapped_bytes != 0 ? word(layout_->mmapped_bytes) : std::nullopt;
    if (!mmapped || figures.retained > system_total) return std::nullopt;
    figures.used = system_total - figures.retained + *mmapped;
    return figures;
}

std::optional<MallocFigures> GlibcHeap::read() {
    // Before the first malloc, or before an exec, there is nothing to be found yet.
    if (!layout_) locate();
    if (!layout_) return std::nullopt;
    for (int attempt = 0; attempt < 5; ++attempt)
        if (const auto figures = walk()) return figures;
    // Perhaps another program runs under this pid's memory now (exec): look again next time.
    if (!is_main_arena(layout_->bins, layout_->arena_to_bins)) layout_.reset();
    return std::nullopt;
}

}  // namespace leakline::memory
