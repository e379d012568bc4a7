#include "memory/glibc_heap.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "base/quantities.hpp"
#include "system/clock.hpp"
#include "system/loaded_object.hpp"
#include "system/mappings.hpp"
#include "system/proc_file.hpp"

namespace leakline::memory {

using namespace glibc;

namespace {

constexpr std::uint64_t kLargeHeader = 48;  // malloc's data in a free chunk: sizes and links

}  // namespace

GlibcHeap::GlibcHeap(int pid, const SystemRoots& roots) : pid_(pid), folder_(roots.proc + "/" + std::to_string(pid)) {}

bool GlibcHeap::copy(std::uint64_t address, void* to, std::size_t size) const { return read_memory(pid_, address, to, size); }

std::optional<std::uint64_t> GlibcHeap::word(std::uint64_t address) const {
    std::uint64_t value = 0;
    if (!copy(address, &value, sizeof value)) return std::nullopt;
    return value;
}

void GlibcHeap::locate() {
    const auto maps = read_small_file(folder_ + "/maps");
    if (!maps) return;
    pagemap_ = ProcFile(folder_ + "/pagemap");  // reopened after an exec: it shows the memory at the time of opening
    layout_ = find_layout(parse_mappings(*maps), reader());
}

// One reading: its time limit, and the pages that it has copied. Chunks that were freed together are close together, and
// a copy of a page costs no more than one of a chunk's header.
class GlibcHeap::Reading {
  public:
    explicit Reading(GlibcHeap& heap) : heap_(heap) {}

    bool overdue() {
        constexpr unsigned kCheckInterval = 256;
        return ++steps_ % kCheckInterval == 0 && system_clock().monotonic() > deadline_;
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
            chunk = layout_->follow(chunk + 16, header[2]);
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
    const Bytes page_bytes = page_size();
    std::uint64_t page = (begin + page_bytes - 1) / page_bytes;
    const std::uint64_t last = end / page_bytes;
    std::uint64_t entries[512];
    while (page < last && pagemap_.is_open()) {
        const std::size_t count = std::min<std::uint64_t>(last - page, std::size(entries));
        if (reading.overdue()) return false;
        if (!pagemap_.read_at(page * sizeof entries[0], entries, count * sizeof entries[0])) return true;
        const auto absent = std::count_if(entries, entries + count, [](std::uint64_t entry) { return (entry & kPresent) == 0; });
        total.absent += static_cast<Bytes>(absent) * page_bytes;
        page += count;
    }
    return true;
}

std::optional<MallocFigures> GlibcHeap::walk() {
    copies_.resize(Reading::kPages * Reading::kPage);
    Reading reading(*this);
    Free free;
    Bytes system_total = 0;
    const std::uint64_t start = layout_->main_arena();
    std::uint64_t address = start;
    Arena arena;
    for (int i = 0; i < kMaxArenas; ++i) {
        if (!read_arena(*layout_, address, reader(), arena)) return std::nullopt;
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
    if (!is_main_arena(layout_->bins, layout_->arena_to_bins, reader())) layout_.reset();
    return std::nullopt;
}

}  // namespace leakline::memory
