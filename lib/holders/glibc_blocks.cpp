// Walks the chunks of glibc's malloc (malloc/malloc.c, arena.c). Before each block stand 16 bytes: the size of the chunk before if that one
// is free, and the chunk's own size with three flags:
//
//   chunk -> +---------------------+
//            | size of the one before, or the last 8 bytes of its block
//            | size | A | M | P    |   P: the chunk before is in use; M: mapped by itself; A: not of the main arena
//   block -> | ...                 |
//            +---------------------+ <- the next chunk, at chunk + size
//
// A chunk is in use if the next one says so (P). Those in fast bins and thread caches are free although it says so.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "holders/internal/allocators.hpp"
#include "memory/glibc_arenas.hpp"

namespace leakline::holders {

namespace {

using namespace memory::glibc;

constexpr std::uint64_t kPreviousInUse = 1, kMapped = 2, kSizeMask = ~std::uint64_t{7};
constexpr std::uint64_t kHeader = 16;
constexpr std::uint64_t kHeapAlignment = std::uint64_t{64} << 20;  // of the heaps of arenas other than the main one
constexpr std::uint64_t kMaximalSearch = 1 << 20;                  // for the next chunk behind a damaged one
constexpr int kConvincing = 8;                                     // chunks in a row that fit together

// malloc's tcache_perthread_struct: an array of counters, then heads of lists of freed blocks of 24, 40, ... bytes.
struct ThreadCacheForm {
    std::uint64_t chunk_size, lists_at, lists;
};
constexpr ThreadCacheForm kThreadCacheForms[] = {
    {0x250, 64, 64},   // glibc 2.26
    {0x290, 128, 64},  // 2.30
    {0x300, 152, 76},  // 2.42
};
constexpr std::uint64_t kSmallLists = 64;  // with sizes in steps of 16

class Walk {
  public:
    explicit Walk(const MemoryImage& image) : image_(image), word_(image) {}

    HeapBlocks run() {
        const auto read = [&](std::uint64_t address, void* to, std::size_t size) { return image_.read(address, to, size); };
        const auto layout = find_layout(image_.mappings, read);
        if (!layout) return std::move(found_);
        layout_ = *layout;
        found_.allocator = HeapBlocks::Allocator::glibc;
        std::vector<Arena> arenas;
        for (std::uint64_t address = layout_.main_arena(); static_cast<int>(arenas.size()) < kMaxArenas;) {
            Arena arena;
            if (!read_arena(layout_, address, read, arena)) break;
            arenas.push_back(arena);
            address = arena.next();
            if (address == layout_.main_arena()) break;
        }
        for (const Arena& arena : arenas)
            if (arena.bins == layout_.bins)
                walk_main_arena(arena);
            else
                walk_arena(arena);
        found_.own.push_back({layout_.main_arena(), layout_.main_arena() + layout_.state_size()});
        find_mapped_chunks();
        order_blocks(found_.blocks);
        for (const Arena& arena : arenas) add_fast_bins(arena);
        add_thread_caches();
        remove_blocks(found_.blocks, std::move(free_));
        return std::move(found_);
    }

  private:
    std::uint64_t size_at(std::uint64_t chunk) const { return word_(chunk + 8) & kSizeMask; }

    // Whether a chunk can stand there: its size, and what the next one says of it.
    bool is_chunk(std::uint64_t chunk, std::uint64_t end) const {
        const std::uint64_t size = size_at(chunk);
        if (size < kSmallestChunk || size % 16 != 0 || size > end - chunk || (word_(chunk + 8) & kMapped) != 0) return false;
        const std::uint64_t next = chunk + size;
        if (next + kHeader > end) return next == end;
        // A free chunk's size stands at its end as well.
        return (word_(next + 8) & kPreviousInUse) != 0 || word_(next) == size;
    }

    // Where the next chunks that fit together begin.
    std::uint64_t search_chunk(std::uint64_t from, std::uint64_t end) const {
        for (std::uint64_t start = from; start + kSmallestChunk <= end && start - from < kMaximalSearch; start += 16) {
            std::uint64_t chunk = start;
            int fitting = 0;
            while (fitting < kConvincing && chunk + kSmallestChunk <= end && is_chunk(chunk, end)) {
                chunk += size_at(chunk);
                ++fitting;
            }
            if (fitting == kConvincing || (fitting > 0 && chunk + kHeader >= end)) return start;
        }
        return end;
    }

    // From one chunk to the next up to end, where the arena's top chunk or the heap itself ends.
    void walk_chunks(std::uint64_t chunk, std::uint64_t end) {
        while (chunk + kSmallestChunk <= end) {
            if (!is_chunk(chunk, end)) {
                const std::uint64_t size = size_at(chunk);
                // The two smallest of all mark the end of a part that does not go on at the next address.
                const bool fence = size == 16 || size == 0;
                const std::uint64_t next = search_chunk(chunk + 16, end);
                if (!(fence && next >= end)) found_.unreadable.push_back({chunk, next});
                chunk = next;
                continue;
            }
            const std::uint64_t size = size_at(chunk), next = chunk + size;
            if ((word_(next + 8) & kPreviousInUse) != 0) found_.blocks.push_back({chunk + kHeader, size - 8});
            chunk = next;
        }
    }

    // By sbrk: "[heap]" for the kernel. A core file does not have that name, so by where the first sbrk led, which stands behind mmapped_mem and
    // max_mmapped_mem.
    void walk_main_arena(const Arena& arena) {
        const std::uint64_t base = layout_.mmapped_bytes == 0 ? 0 : word_(layout_.mmapped_bytes + 16);
        const auto* const base_region = image_.region_at(base);
        const auto is_brk = [&](const MemoryImage::Region& region) { return region.mapping.path == "[heap]" || &region == base_region; };
        const auto* const top = image_.region_at(arena.top());
        if (arena.system_bytes() == 0) return;  // the heap can be that of another allocator
        std::vector<Range> parts;
        for (const auto& each : image_.regions)
            // Where the kernel has joined it with the program's .bss, that comes first.
            if (is_brk(each)) parts.push_back({&each == base_region ? (base + 15) / 16 * 16 : each.mapping.begin, each.mapping.end});
        found_.heaps.insert(found_.heaps.end(), parts.begin(), parts.end());
        if (top == nullptr) return;
        if (!is_brk(*top)) {  // malloc was refused more by sbrk and has mapped the rest
            walk_chunks(top->mapping.begin, arena.top());
            found_.heaps.push_back({top->mapping.begin, top->mapping.end});
            for (const Range& part : parts) walk_chunks(part.begin, part.end);
        } else if (!parts.empty() && parts.front().begin <= arena.top()) {
            walk_chunks(parts.front().begin, arena.top());
        }
    }

    // An arena of threads: a list of heaps, each with a heap_info at its start {arena, the heap before, size, ...}; the first has the arena
    // itself behind that.
    void walk_arena(const Arena& arena) {
        const std::uint64_t state = arena.bins - layout_.arena_to_bins;
        const std::uint64_t first = state / kHeapAlignment * kHeapAlignment;
        const std::uint64_t info_size = state - first;
        if (info_size < 32 || info_size > 256) {
            found_.warnings.push_back("an arena of malloc has an unknown form; its blocks are not seen");
            return;
        }
        std::uint64_t heap = arena.top() / kHeapAlignment * kHeapAlignment;
        for (int i = 0; i < kMaxArenas && heap != 0; ++i) {
            if (word_(heap) != state) {
                found_.warnings.push_back("the list of an arena's heaps is damaged; some of its blocks are not seen");
                return;
            }
            const auto* region = image_.region_at(heap);
            const std::uint64_t size = word_(heap + 16);
            if (region == nullptr || size > kHeapAlignment) return;
            const std::uint64_t end = std::min(heap + size, region->mapping.end);
            found_.heaps.push_back({heap, region->mapping.end < heap + kHeapAlignment ? region->mapping.end : heap + kHeapAlignment});
            const std::uint64_t begin = heap == first ? (state + layout_.state_size() + 15) / 16 * 16 : heap + (info_size + 15) / 16 * 16;
            const bool has_top = arena.top() >= heap && arena.top() < end;
            walk_chunks(begin, has_top ? arena.top() : end);
            if (heap == first) return;
            heap = word_(heap + 8);
        }
    }

    // Large blocks have mappings of their own, which the kernel joins with others; the chunk is at the start. 0: none begins in the page.
    std::uint64_t mapped_chunk_at(std::uint64_t page, std::uint64_t end) const {
        const std::uint64_t size = size_at(page);
        const bool is_mapped =
            (word_(page + 8) & kFlagBits) == kMapped && word_(page) == 0 && size != 0 && size % kPage == 0 && size <= end - page;
        return is_mapped ? aligned_chunk_in(page, size) : 0;
    }

    // aligned_alloc leaves the chunk that it got and writes another one behind, with the room before that as the size of the chunk before.
    std::uint64_t aligned_chunk_in(std::uint64_t page, std::uint64_t size) const {
        for (std::uint64_t alignment = 32; alignment < size; alignment *= 2)
            for (const std::uint64_t more : {std::uint64_t{0}, alignment}) {
                const std::uint64_t chunk = (page + kHeader + alignment - 1) / alignment * alignment - kHeader + more, lead = chunk - page;
                const bool fits =
                    lead >= kSmallestChunk && lead < size && word_(chunk) == lead && word_(chunk + 8) == ((size - lead) | kMapped);
                if (fits) return chunk;
            }
        return page;
    }

    void find_mapped_chunks() {
        std::sort(found_.heaps.begin(), found_.heaps.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
        // None: what looks like one is another allocator's.
        if (layout_.mmapped_bytes != 0 && word_(layout_.mmapped_bytes) == 0) return;
        const std::vector<Range> heaps = found_.heaps;
        Bytes sum = 0;
        for (const auto& region : image_.regions) {
            if (!region.mapping.is_anonymous()) continue;
            std::uint64_t next = 0;  // behind the last chunk found
            for (const auto& run : region.runs)
                for (std::uint64_t page = run.begin; page < run.end; page += kPage) {
                    if (page < next || contain(heaps, page)) continue;
                    const std::uint64_t chunk = mapped_chunk_at(page, region.mapping.end);
                    if (chunk == 0) continue;
                    const std::uint64_t size = size_at(chunk);
                    found_.blocks.push_back({chunk + kHeader, size - kHeader});
                    found_.heaps.push_back({page, chunk + size});
                    next = chunk + size;
                    sum += next - page;
                }
        }
        const Bytes known = layout_.mmapped_bytes == 0 ? sum : word_(layout_.mmapped_bytes);
        if (sum < known)
            found_.warnings.push_back(fmt::format("{} in large blocks were not found", format_bytes(static_cast<double>(known - sum))));
        std::sort(found_.heaps.begin(), found_.heaps.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    }

    // to_block: from where its links lead to the blocks. Ends where the list leaves the blocks of that size.
    void add_list(std::uint64_t link, std::uint64_t to_block, std::uint64_t size) {
        for (std::size_t steps = 0; link != 0 && steps < found_.blocks.size(); ++steps) {
            const Block* block = block_at(found_.blocks, link + to_block);
            if (block == nullptr || block->size != size) return;
            free_.push_back(block->address);
            link = layout_.follow(block->address, word_(block->address));
        }
    }

    void add_fast_bins(const Arena& arena) {
        for (int i = 0; i < kFastBins; ++i) {
            const std::uint64_t size = kSmallestChunk + 16 * static_cast<std::uint64_t>(i) - 8;
            add_list(arena.fast_bin(i), kHeader, size);  // fast bins link chunks, not blocks
        }
    }

    // A thread's cache is a block of its arena. Every head in it is empty or leads to a block of the list's own size, and one does: no other
    // data looks like that. So those of threads that have ended are found as well.
    void add_thread_caches() {
        for (const Block& block : found_.blocks)
            for (const ThreadCacheForm& form : kThreadCacheForms) {
                if (block.size + 8 != form.chunk_size) continue;
                std::size_t filled = 0;
                bool fits = true;
                for (std::uint64_t i = 0; i < form.lists && fits; ++i) {
                    const std::uint64_t head = word_(block.address + form.lists_at + 8 * i);
                    if (head == 0) continue;
                    const Block* first = block_at(found_.blocks, head);
                    fits = first != nullptr && (i >= kSmallLists || first->size == 24 + 16 * i);
                    ++filled;
                }
                if (!fits || filled == 0) continue;
                free_.push_back(block.address);  // malloc's own
                for (std::uint64_t i = 0; i < form.lists; ++i) {
                    const std::uint64_t head = word_(block.address + form.lists_at + 8 * i);
                    const Block* first = head == 0 ? nullptr : block_at(found_.blocks, head);
                    if (first != nullptr) add_list(head, 0, first->size);
                }
            }
    }

    const MemoryImage& image_;
    const WordReader word_;
    Layout layout_;
    HeapBlocks found_;
    std::vector<std::uint64_t> free_;  // blocks in fast bins and thread caches
};

}  // namespace

HeapBlocks find_glibc_blocks(const MemoryImage& image) { return Walk(image).run(); }

}  // namespace leakline::holders
