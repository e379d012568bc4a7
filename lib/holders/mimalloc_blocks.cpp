// Reads the segments of mimalloc (2.0.9, 64 bits, with plain or encoded free lists; mimalloc-types.h, segment.c, page.c):
//
//   A segment begins at a multiple of 32 MiB with its own record, whose array of slices says what each 64 KiB of it are: a page of blocks
//   of one size, or free. A page's record is that of its first slice; its blocks are behind each other, as many as its capacity says.
//   A page has three lists of free blocks: those to be allocated, those that its thread has freed since, and those that other threads have freed.
//   Of a full page, the first block that another thread frees is in a list of the heap that the page belongs to.
//   A segment's cookie is its address, xor a number that is the same for all segments.
#include <algorithm>
#include <bit>
#include <optional>
#include <set>
#include <utility>

#include "holders/internal/allocators.hpp"

namespace leakline::holders {

namespace {

namespace mimalloc {

constexpr std::uint64_t kSegment = 32 << 20, kSlice = 64 << 10, kMostSlices = kSegment / kSlice;
constexpr std::uint64_t kMostInHuge = kLargestMapping / kSlice;  // of a segment for one block
// A segment's record.
constexpr std::uint64_t kUsedPagesAt = 208, kCookieAt = 216, kSlicesInAllAt = 224, kInfoSlicesAt = 232, kKindAt = 240, kEntriesAt = 248,
                        kSlicesAt = 264;
// A slice's record, which is a page's where one begins.
constexpr std::uint64_t kSliceCountAt = 0, kCapacityAt = 10, kFreeAt = 16, kUsedAt = 24, kBlockSizeAt = 28, kLocalFreeAt = 32;
constexpr std::uint32_t kHugeBlock = std::uint32_t{1} << 31;  // stands for all that are larger
constexpr std::uint64_t kShiftedBlock = 1024, kShift = 384;   // where pages of blocks up to a size begin
constexpr std::uint64_t kListFlags = 3;                       // of a list of blocks that other threads have freed
// A heap.
constexpr std::uint64_t kQueues = 75 * 24, kDirect = 8;

// What a build has: encoded lists have keys in pages and heaps. Debug builds with padding behind blocks have one more page in a heap.
struct Form {
    bool encoded = false;
    std::uint64_t record = 80, keys = 0, thread_free = 40, heap = 48;  // of a page
    std::uint64_t direct_pages = 129;                                  // of a heap
};
constexpr Form kForms[] = {
    {},
    {true, 96, 40, 56, 64, 129},
    {true, 96, 40, 56, 64, 130},
};

class Walk {
  public:
    Walk(const MemoryImage& image, const Form& form) : image_(image), word_(image), form_(form) {}

    // Nothing if the memory is not in this form.
    std::optional<HeapBlocks> run() {
        std::optional<std::uint64_t> cookie;
        for (const auto& region : image_.regions) {
            if (!region.mapping.is_anonymous()) continue;
            std::uint64_t at = (region.mapping.begin + kSegment - 1) / kSegment * kSegment;
            while (at < region.mapping.end) {
                const std::uint64_t slices = add_segment(at, cookie);
                at += std::max<std::uint64_t>((slices * kSlice + kSegment - 1) / kSegment, 1) * kSegment;
            }
        }
        if (right_ == 0 || wrong_ > right_ / 16 + image_.threads.size()) return std::nullopt;
        found_.allocator = HeapBlocks::Allocator::mimalloc;
        order_blocks(found_.blocks);
        if (!add_delayed_lists()) return std::nullopt;
        remove_blocks(found_.blocks, std::move(free_));
        return std::move(found_);
    }

  private:
    struct Page {
        std::uint64_t record = 0, start = 0, size = 0;
    };

    std::uint64_t next_in(std::uint64_t block, std::uint64_t owner, std::uint64_t keys) const {
        const std::uint64_t value = word_(block);
        if (!form_.encoded) return value;
        const std::uint64_t first = word_(keys), second = word_(keys + 8);
        const std::uint64_t next = std::rotr(value - first, static_cast<int>(first % 64)) ^ second;
        return next == owner ? 0 : next;
    }

    // The number of slices of the segment that begins there; 0: none does, or its record contradicts itself.
    std::uint64_t add_segment(std::uint64_t segment, std::optional<std::uint64_t>& cookie) {
        const std::uint64_t slices = word_(segment + kSlicesInAllAt), info = word_(segment + kInfoSlicesAt),
                            entries = word_(segment + kEntriesAt);
        const std::uint64_t kind = word_.read<std::uint32_t>(segment + kKindAt), used = word_(segment + kUsedPagesAt);
        if (entries == 0 || entries > kMostSlices || slices < entries || slices > kMostInHuge || kind > 1) return 0;
        if (info == 0 || info >= entries || used >= entries || (kind == 0 && slices != kMostSlices)) return 0;
        const std::uint64_t secret = word_(segment + kCookieAt) ^ segment;
        if (cookie.value_or(secret) != secret) return 0;
        std::vector<Page> pages;
        std::uint64_t slice = 0;
        while (slice < entries) {
            const std::uint64_t record = segment + kSlicesAt + form_.record * slice,
                                count = word_.read<std::uint32_t>(record + kSliceCountAt);
            const std::uint64_t block_size = word_.read<std::uint32_t>(record + kBlockSizeAt);
            if (count == 0 || count > slices - slice || (kind == 0 && count > entries - slice)) return 0;
            if (slice >= info && block_size != 0) pages.push_back({record, segment + slice * kSlice, count * kSlice});
            slice += count;
        }
        if (pages.size() != used) return 0;
        cookie = secret;
        found_.heaps.push_back({segment, segment + slices * kSlice});
        for (const Page& page : pages) add_page(page);
        return slices;
    }

    // Segments can have parts that may not be accessed, but no pages there.
    bool is_copied(std::uint64_t start, std::uint64_t size) const {
        const auto* const region = image_.region_at(start);
        return region != nullptr && size <= region->mapping.end - start;
    }

    void add_page(const Page& page) {
        std::uint64_t size = word_.read<std::uint32_t>(page.record + kBlockSizeAt), start = page.start, room = page.size;
        if (size >= 8 && size <= kShiftedBlock) {
            start += kShift;
            room -= kShift;
        }
        if (size >= kHugeBlock) size = room;
        const std::uint64_t capacity = word_.read<std::uint16_t>(page.record + kCapacityAt),
                            used = word_.read<std::uint32_t>(page.record + kUsedAt);
        const bool is_page = size >= 8 && size % 8 == 0 && capacity <= room / size && used <= capacity && is_copied(start, capacity * size);
        if (!is_page) {
            ++wrong_;
            found_.unreadable.push_back({page.start, page.start + page.size});
            return;
        }
        Slots slots(start, size, capacity);
        const auto next = [&](std::uint64_t block) { return next_in(block, page.record, page.record + form_.keys); };
        bool whole = slots.mark_free(word_(page.record + kFreeAt), next) && slots.mark_free(word_(page.record + kLocalFreeAt), next);
        whole = whole && slots.free_count() + used == capacity;
        whole = slots.mark_free(word_(page.record + form_.thread_free) & ~kListFlags, next) && whole;
        ++(whole ? right_ : wrong_);
        slots.append_used(found_.blocks);
        if (const std::uint64_t heap = word_(page.record + form_.heap); heap != 0) heaps_.insert(heap);
    }

    std::uint64_t delayed_at() const { return kDirect + form_.direct_pages * 8 + kQueues; }

    // False if they have more blocks than there are: a ring.
    bool add_delayed_lists() {
        constexpr std::uint64_t kKeysBehind = 32;  // {list, thread, arena, cookie, keys}
        for (const std::uint64_t heap : heaps_) {
            found_.own.push_back({heap, heap + delayed_at() + 8});
            const std::uint64_t keys = heap + delayed_at() + kKeysBehind;
            for (std::uint64_t block = word_(heap + delayed_at()); block != 0; block = next_in(block, heap, keys)) {
                if (block_at(found_.blocks, block) == nullptr) break;
                if (free_.size() == found_.blocks.size()) return false;
                free_.push_back(block);
            }
        }
        return true;
    }

    const MemoryImage& image_;
    const WordReader word_;
    const Form& form_;
    std::size_t right_ = 0, wrong_ = 0;  // pages
    std::set<std::uint64_t> heaps_;
    HeapBlocks found_;
    std::vector<std::uint64_t> free_;
};

}  // namespace mimalloc

}  // namespace

HeapBlocks find_mimalloc_blocks(const MemoryImage& image) {
    for (const mimalloc::Form& form : mimalloc::kForms)
        if (auto found = mimalloc::Walk(image, form).run()) return std::move(*found);
    return {};
}

}  // namespace leakline::holders
