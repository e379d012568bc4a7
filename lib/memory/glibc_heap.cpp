#include "memory/glibc_heap.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <iterator>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "system/clock.hpp"
#include "system/proc_file.hpp"

namespace leakline::memory {

namespace {

// struct malloc_state (glibc malloc/malloc.c) from its bins on, the same from 2.26 to 2.40; before the bins stand
// mutex, flags, have_fastchunks and the fast bins: 112 bytes, 104 in builds without have_fastchunks.
//
//   bins - 96  fast bins         10 lists of freed chunks of 32, 48, ... bytes
//   bins - 16  top               the chunk at the arena's end that new chunks are cut from
//   bins       254 pointers      fd and bk of 127 bins; bin i is the chunk-like address &bins[2i] - 16
//   bins+2032  binmap[4]
//   bins+2048  next              the ring of arenas
//   bins+2072  system_mem        bytes that the arena has from the kernel
constexpr std::uint64_t kBins = 127;
constexpr int kFastBins = 10;
constexpr std::uint64_t kFastToBins = 96, kTop = 16, kNext = 2048, kSystemBytes = 2072;
constexpr std::uint64_t kArenaToBins[] = {112, 104};
constexpr std::uint64_t kStateEnd = kSystemBytes + 8;
// Most bins (those of large sizes) are empty in any program: they point to themselves, unlike anything else in libc.
constexpr int kFewestEmptyBins = 24;
constexpr int kMostArenas = 4096;
constexpr std::uint64_t kSmallestChunk = 32, kFlagBits = 15;
constexpr std::uint64_t kLargeHeader = 48;  // malloc's data in a free chunk: sizes and links

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
        if (writable && (libc || (after_libc && anonymous)) && region.end - region.begin < (1u << 20)) regions.push_back(region);
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
        if (address >= begin() && address + sizeof value <= end()) std::memcpy(&value, bytes_.data() + (address - begin()), sizeof value);
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

GlibcHeap::GlibcHeap(int pid, const SystemRoots& roots) : pid_(pid), folder_(roots.proc + "/" + std::to_string(pid)) {}

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

// The ring of arenas must lead back to its start; a wrong address would not.
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
    const auto maps = read_small_file(folder_ + "/maps");
    if (!maps) return;
    Layout layout;
    // Since 2.34 the file has the library's name, without its version.
    layout.masked_links = maps->find("/libc-2.") == std::string::npos || maps->find("/libc-2.32") != std::string::npos ||
                          maps->find("/libc-2.33") != std::string::npos;
    pagemap_ = ProcFile(folder_ + "/pagemap");  // reopened after an exec: it shows the memory at the time of opening
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

// One reading: its time limit, and the pages that it has copied. Chunks that were freed together are close together, and
// a copy of a page costs no more than one of a chunk's header.
class GlibcHeap::Reading {
  public:
    explicit Reading(GlibcHeap& heap) : heap_(heap) {}

    bool overdue() {
        constexpr unsigned kLookEvery = 256;
        return ++steps_ % kLookEvery == 0 && system_clock().monotonic() > deadline_;
    }
    // From a page that was copied earlier, if there is one; it may have changed since.
    bool copy_late(std::uint64_t address, void* to, std::size_t size) {
        const std::uint64_t page = address / kPage, offset = address % kPage;
        if (offset + size > kPage) return heap_.copy(address, to, size);
        const std::size_t place = page % kPages;
        if (held_[place] != page) {
            held_[place] = 0;
            if (!heap_.copy(page * kPage, &heap_.copies_[place * kPage], kPage)) return false;
            held_[place] = page;
        }
        std::memcpy(to, &heap_.copies_[place * kPage + offset], size);
        return true;
    }

    static constexpr std::size_t kPage = 4096, kPages = 512;

  private:
    GlibcHeap& heap_;
    Nanoseconds deadline_ = system_clock().monotonic() + kLongestWalk;
    unsigned steps_ = 0;
    std::array<std::uint64_t, kPages> held_{};
};

// A copy of a struct malloc_state from its fast bins on.
struct GlibcHeap::Arena {
    std::uint64_t bins = 0;  // where its bins are in the process
    std::uint64_t words[(kFastToBins + kStateEnd) / 8];

    std::uint64_t at(std::uint64_t offset_from_bins) const { return words[(offset_from_bins + kFastToBins) / 8]; }
    std::uint64_t fast_bin(int index) const { return words[index]; }
    std::uint64_t top() const { return words[(kFastToBins - kTop) / 8]; }
    std::uint64_t next() const { return at(kNext); }
    Bytes system_bytes() const { return at(kSystemBytes); }
    bool holds(std::uint64_t address) const { return address + kTop >= bins && address < bins + kStateEnd; }
};

bool GlibcHeap::read_arena(std::uint64_t address, Arena& arena) const {
    arena.bins = address + layout_->arena_to_bins;
    return copy(arena.bins - kFastToBins, arena.words, sizeof arena.words);
}

// Small freed chunks that wait for reuse, in singly linked lists.
bool GlibcHeap::add_fast_bins(const Arena& arena, Free& total, Reading& reading) const {
    for (int index = 0; index < kFastBins; ++index) {
        const Bytes size = kSmallestChunk + 16 * static_cast<Bytes>(index);
        Bytes sum = 0;
        for (std::uint64_t chunk = arena.fast_bin(index); chunk != 0 && sum < arena.system_bytes(); sum += size) {
            std::uint64_t header[3];  // size of the chunk before, size and flags, link
            if (reading.overdue()) return false;
            // It was allocated during the walk: these words have other content.
            if (chunk % 16 != 0 || !reading.copy_late(chunk, header, sizeof header) || (header[1] & ~kFlagBits) != size) break;
            chunk = layout_->masked_links ? header[2] ^ (chunk + 16) >> 12 : header[2];
        }
        total.bytes += sum;
    }
    return true;
}

// self: the address of the bin's head in its ring. Allocation takes chunks from the ring's end,
// and freed ones are added near the start: a walk in one direction would miss thousands. So if the ring has changed,
// it is walked in the other direction as well, and each chunk counts once.
bool GlibcHeap::add_bin(const Arena& arena, std::uint64_t self, Free& total, Reading& reading) {
    const std::uint64_t first = arena.at(self + kTop - arena.bins), last = arena.at(self + kTop + 8 - arena.bins);
    if (first == self) return true;
    seen_.clear();
    bool whole = false;
    if (!walk_bin(arena, self, Way::forward, whole, reading)) return false;
    if (!whole || word(self + kTop) != first || word(self + kTop + 8) != last) {
        if (!walk_bin(arena, self, Way::back, whole, reading)) return false;
        std::sort(seen_.begin(), seen_.end(), [](const Chunk& a, const Chunk& b) { return a.address < b.address; });
        seen_.erase(std::unique(seen_.begin(), seen_.end(), [](const Chunk& a, const Chunk& b) { return a.address == b.address; }),
                    seen_.end());
    }
    for (const Chunk& chunk : seen_) {
        total.bytes += chunk.size;
        if (!add_absent(chunk.address + kLargeHeader, chunk.address + chunk.size, total, reading)) return false;
    }
    return true;
}

// Adds the chunks that it sees to seen_. whole: it returned to its start.
bool GlibcHeap::walk_bin(const Arena& arena, std::uint64_t self, Way way, bool& whole, Reading& reading) {
    constexpr int kForward = 2, kBack = 3;  // of a chunk's words: size of the chunk before, size and flags, links
    const int next = way == Way::forward ? kForward : kBack, previous = way == Way::forward ? kBack : kForward;
    Bytes seen = 0;
    std::uint64_t before = self, chunk = word(self + 8 * static_cast<unsigned>(next)).value_or(self);
    whole = false;
    while (chunk != self) {
        std::uint64_t header[4];
        if (reading.overdue()) return false;
        // A chunk that was taken from its bin during the walk has other content in these words, or leads elsewhere.
        if (arena.holds(chunk)) return true;
        const bool read = way == Way::forward ? reading.copy_late(chunk, header, sizeof header) : copy(chunk, header, sizeof header);
        if (!read || header[previous] != before) return true;
        const Bytes size = header[1] & ~kFlagBits;
        seen += size;
        if (size < kSmallestChunk || seen > arena.system_bytes()) return true;
        seen_.push_back({chunk, size});
        before = chunk;
        chunk = header[next];
    }
    whole = true;
    return true;
}

// Whole pages between two addresses that are not in memory: never touched, or returned by malloc_trim.
bool GlibcHeap::add_absent(std::uint64_t begin, std::uint64_t end, Free& total, Reading& reading) {
    constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
    std::uint64_t page = (begin + page_size_ - 1) / page_size_;
    const std::uint64_t last = end / page_size_;
    std::uint64_t entries[512];
    while (page < last && pagemap_.is_open()) {
        const std::size_t count = std::min<std::uint64_t>(last - page, std::size(entries));
        if (reading.overdue()) return false;
        if (!pagemap_.read_at(page * sizeof entries[0], entries, count * sizeof entries[0])) return true;
        const auto absent = std::count_if(entries, entries + count, [](std::uint64_t entry) { return (entry & kPresent) == 0; });
        total.absent += static_cast<Bytes>(absent) * page_size_;
        page += count;
    }
    return true;
}

std::optional<MallocFigures> GlibcHeap::walk() {
    copies_.resize(Reading::kPages * Reading::kPage);
    Reading reading(*this);
    Free free;
    Bytes system_total = 0;
    const std::uint64_t start = layout_->bins - layout_->arena_to_bins;
    std::uint64_t address = start;
    Arena arena;
    for (int i = 0; i < kMostArenas; ++i) {
        if (!read_arena(address, arena)) return std::nullopt;
        if (arena.system_bytes() > 0) {
            const auto top_size = word(arena.top() + 8);
            if (!top_size || (*top_size & ~kFlagBits) > arena.system_bytes()) return std::nullopt;
            const Bytes top = *top_size & ~kFlagBits;
            free.bytes += top;
            if (!add_absent(arena.top() + kLargeHeader, arena.top() + top, free, reading)) return std::nullopt;
            if (!add_fast_bins(arena, free, reading)) return std::nullopt;
            for (std::uint64_t bin = 0; bin < kBins; ++bin)
                if (!add_bin(arena, arena.bins + 16 * bin - kTop, free, reading)) return std::nullopt;
            system_total += arena.system_bytes();
        }
        if (arena.next() == start) break;
        address = arena.next();
    }
    const auto mmapped = layout_->mmapped_bytes != 0 ? word(layout_->mmapped_bytes) : std::nullopt;
    if (!mmapped) return std::nullopt;
    // Chunks that moved to another bin during the walk may have been seen twice.
    free.bytes = std::min(free.bytes, system_total);
    return MallocFigures{system_total - free.bytes + *mmapped, free.bytes - std::min(free.absent, free.bytes)};
}

std::optional<MallocFigures> GlibcHeap::read() {
    // Before the first malloc, or before an exec, there is nothing to find yet.
    if (!layout_) locate();
    if (!layout_) return std::nullopt;
    if (const auto figures = walk()) return figures;
    // The process may have executed another program: look again next time.
    if (!is_main_arena(layout_->bins, layout_->arena_to_bins)) layout_.reset();
    return std::nullopt;
}

}  // namespace leakline::memory
