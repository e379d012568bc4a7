// Reads jemalloc's own tables (5.0 to 5.3, 64 bits, pages of 4 KiB; rtree.h, edata.h, bitmap.h, cache_bin.h):
//
//   A tree of two levels knows the extent of each page that belongs to the allocator. Its root, in the data of the library or program, has 2^18
//   pointers to leaves, one per GiB; a leaf has 2^18 words, one per page: bit 0: the extent is a slab of small blocks; bits 7 to 47: the
//   address of the extent's record; bits 48 to 55: the size class.
//   An extent's record, of 128 bytes: flags and again the size class in its first word, but one too large for any extent if it is free;
//   its address at byte 8, its size in the upper bits of byte 16 on, and from byte 64 on a bit per block of a slab, which is 1 if the
//   block is free.
//   A thread keeps blocks that it has freed in its tcache, in thread-local storage: for each size class {stack of blocks, statistics, the low 16 bits
//   of addresses in the stack: low water, where it is full, where it is empty}.
//
// There are no symbols of the tables in packaged builds, so the root is found by what it leads to.
#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "base/strings.hpp"
#include "holders/internal/allocators.hpp"

namespace leakline::holders {

namespace {

constexpr std::uint64_t kEntries = 1 << 18;  // of the root, and of a leaf
constexpr std::uint64_t kTable = kEntries * 8;
constexpr int kPageBits = 12, kLeafBits = 30;
constexpr std::uint64_t kRecordMask = 0x0000ffffffffff80, kExtentMask = ~std::uint64_t{kPage - 1};
constexpr std::uint64_t kAddressAt = 8, kSizeAt = 16, kBitmapAt = 64;
constexpr std::uint64_t kLine = 64;  // leaves are aligned to cache lines
constexpr std::uint64_t kMostInSlab = 512;
constexpr std::uint64_t kOwnBlock = 2 << 20;  // what it takes for its own data, at least and aligned
constexpr int kConvincingPages = 16;          // pages whose entries and records agree
// Of a thread's cache.
constexpr std::uint64_t kBin = 24, kTlsReach = 64 << 10;
constexpr int kMostBins = 73, kConvincingBins = 20, kMostCached = 8192;

// The classes are 8, 16, 32, 48, 64, then four per doubling.
std::uint64_t size_of_class(std::uint64_t index) {
    if (index == 0) return 8;
    const std::uint64_t place = index - 1, group = place / 4;
    if (group == 0) return 16 * index;
    if (group > 56) return ~std::uint64_t{0};
    return (std::uint64_t{64} << (group - 1)) + (std::uint64_t{16} << (group - 1)) * (place % 4 + 1);
}

class JemallocWalk {
  public:
    explicit JemallocWalk(const MemoryImage& image) : image_(image), next_entry_(image, kRecordMask) {}

    HeapBlocks run() {
        if (!find_root()) return std::move(found_);
        found_.allocator = HeapBlocks::Allocator::jemalloc;
        image_.for_each_word(root_, root_ + kTable, [&](std::uint64_t place, std::uint64_t leaf) {
            if (leaf % kLine == 0 && leaves_.insert(leaf).second) add_extents((place - root_) / 8, leaf);
        });
        std::sort(extents_.begin(), extents_.end(), [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
        find_class_bits();
        std::uint64_t end = 0;
        for (const Extent& extent : extents_) {
            if (extent.begin < end) continue;  // only in damaged memory
            end = extent.end;
            found_.heaps.push_back({extent.begin, extent.end});
            add_blocks(extent);
        }
        order_blocks(found_.blocks);
        add_own_data();
        remove_cached();
        return std::move(found_);
    }

  private:
    struct Extent {
        std::uint64_t begin = 0, end = 0;  // whole pages
        std::uint64_t record = 0, size_class = 0;
        bool slab = false;
    };

    std::uint64_t word(std::uint64_t address) const { return image_.word(address).value_or(0); }

    // Of a page that was the border of an extent before that became a part of another one, the size class is left.
    static bool is_empty(std::uint64_t entry) { return (entry & kRecordMask) == 0; }

    // What a leaf's entry leads to; size 0 if it is not an extent.
    Extent extent_of(std::uint64_t entry) const {
        Extent extent;
        extent.record = entry & kRecordMask;
        const std::uint64_t begin = word(extent.record + kAddressAt) & kExtentMask, size = word(extent.record + kSizeAt) & kExtentMask;
        const auto* const region = image_.region_at(begin);
        if (region == nullptr || size > region->mapping.end - begin) return {};
        extent.begin = begin;
        extent.end = begin + size;
        extent.size_class = entry >> 48 & 0xff;
        extent.slab = (entry & 1) != 0;
        return extent;
    }

    // Size 0 if the page is not in it.
    Extent extent_of(std::uint64_t entry, std::uint64_t page) const {
        const Extent extent = extent_of(entry);
        return page >= extent.begin && page < extent.end ? extent : Extent{};
    }

    static std::uint64_t page_of(std::uint64_t gigabyte, std::uint64_t place_in_leaf) {
        return gigabyte << kLeafBits | place_in_leaf << kPageBits;
    }

    // Which GiB a leaf is of, by the extent that its first entry leads to; nothing if that is none.
    std::optional<std::uint64_t> gigabyte_of(std::uint64_t leaf) const {
        std::optional<std::uint64_t> found;
        next_entry_.for_each(leaf, kTable, [&](std::uint64_t place, std::uint64_t entry) {
            const Extent extent = extent_of(entry);
            if (extent.end == extent.begin) return false;
            // Of a large one only the first page and the last have entries. One that began in the GiB before goes on in this one.
            const std::uint64_t last = (extent.end - kPage) >> kLeafBits, first = extent.begin >> kLeafBits;
            if (page_of(last, place) == extent.end - kPage)
                found = last;
            else
                found = page_of(first, place) >= extent.begin ? first : first + 1;
            return false;
        });
        return found;
    }

    bool is_leaf(std::uint64_t leaf, std::uint64_t gigabyte) const {
        int right = 0, wrong = 0;
        next_entry_.for_each(leaf, kTable, [&](std::uint64_t place, std::uint64_t entry) {
            ++(extent_of(entry, page_of(gigabyte, place)).end != 0 ? right : wrong);
            return wrong == 0 && right < kConvincingPages;
        });
        return wrong == 0 && right > 1;
    }

    bool find_root() {
        const MemoryImage::Region* before = nullptr;
        for (const auto& region : image_.regions) {
            // The root is large and mostly zero: a part of .bss.
            const bool bss = before != nullptr && is_bss(before->mapping, region.mapping);
            if (bss && region.mapping.size() >= kTable && find_root_in(region)) {
                if (file_name(before->mapping.path).find("jemalloc") != std::string_view::npos) {
                    found_.own.push_back({before->mapping.begin, before->mapping.end});
                    found_.own.push_back({region.mapping.begin, region.mapping.end});
                }
                found_.own.push_back({root_, root_ + kTable});
                return true;
            }
            before = &region;
        }
        return false;
    }

    bool find_root_in(const MemoryImage::Region& region) {
        image_.for_each_word(region.mapping.begin, region.mapping.end, [&](std::uint64_t place, std::uint64_t leaf) {
            if (root_ != 0 || leaf == 0 || leaf % kLine != 0) return;
            const std::optional<std::uint64_t> gigabyte = gigabyte_of(leaf);
            if (!gigabyte || *gigabyte >= kEntries || place - region.mapping.begin < *gigabyte * 8) return;
            const std::uint64_t root = place - *gigabyte * 8;
            if (kTable <= region.mapping.end - root && is_leaf(leaf, *gigabyte)) root_ = root;
        });
        return root_ != 0;
    }

    void add_extents(std::uint64_t gigabyte, std::uint64_t leaf) {
        image_.for_each_word(leaf, leaf + kTable, [&](std::uint64_t place, std::uint64_t entry) {
            if (is_empty(entry)) return;
            const std::uint64_t page = page_of(gigabyte, (place - leaf) / 8);
            const Extent extent = extent_of(entry, page);
            if (extent.end != 0 && extent.begin == page) extents_.push_back(extent);
        });
    }

    // Where a record has its size class depends on the version: by what agrees with most entries.
    void find_class_bits() {
        std::size_t most = extents_.size() / 2;
        for (const int bits : {20, 18, 17}) {  // 5.3, 5.1 and 5.2, 5.0
            const auto agree = static_cast<std::size_t>(std::count_if(
                extents_.begin(), extents_.end(), [&](const Extent& each) { return class_in_record(each, bits) == each.size_class; }));
            if (agree <= most) continue;
            most = agree;
            class_bits_ = bits;
        }
    }
    std::uint64_t class_in_record(const Extent& extent, int bits) const { return word(extent.record) >> bits & 0xff; }

    void add_blocks(const Extent& extent) {
        const std::uint64_t size = size_of_class(extent.size_class), start = word(extent.record + kAddressAt);
        own_blocks_.insert(extent.record / kOwnBlock);
        if (size > extent.end - start || (class_bits_ && class_in_record(extent, *class_bits_) != extent.size_class)) return;  // free
        if (!extent.slab) {
            found_.blocks.push_back({start, size});
            return;
        }
        const std::uint64_t count = std::min((extent.end - start) / size, kMostInSlab);
        std::uint64_t free = 0;
        for (std::uint64_t i = 0; i < count; ++i) {
            if (i % 64 == 0) free = word(extent.record + kBitmapAt + i / 8);
            if ((free >> i % 64 & 1) == 0) found_.blocks.push_back({start + i * size, size});
        }
    }

    void add_own_data() {
        for (const std::uint64_t leaf : leaves_) found_.own.push_back({leaf, leaf + kTable});
        for (const std::uint64_t block : own_blocks_) found_.own.push_back({block * kOwnBlock, (block + 1) * kOwnBlock});
    }

    const Block* block_around(std::uint64_t address) const {
        const auto after = std::upper_bound(found_.blocks.begin(), found_.blocks.end(), address,
                                            [](std::uint64_t at, const Block& block) { return at < block.address; });
        return after != found_.blocks.begin() && address < (after - 1)->end() ? &*(after - 1) : nullptr;
    }

    // Appends the free blocks that a thread keeps of a size class. False if what is at the address does not look like that class's bin.
    bool read_bin(std::uint64_t bin, std::uint64_t size_class, std::vector<std::uint64_t>& cached) const {
        const std::uint64_t head = word(bin), limits = word(bin + 16);
        const auto full = static_cast<std::uint16_t>(limits >> 16), empty = static_cast<std::uint16_t>(limits >> 32);
        const auto count = static_cast<std::uint16_t>(empty - static_cast<std::uint16_t>(head));
        const auto room = static_cast<std::uint16_t>(empty - full);
        if (head == 0 || head % 8 != 0 || limits >> 48 != 0 || count % 8 != 0 || count > room || room / 8 > kMostCached) return false;
        for (std::uint64_t i = 0; i < count; i += 8) {
            const Block* const block = block_at(found_.blocks, word(head + i));
            if (block == nullptr || block->size != size_of_class(size_class)) return false;
            cached.push_back(block->address);
        }
        return image_.region_at(head) != nullptr;
    }

    void remove_cached() {
        std::vector<std::uint64_t> free;
        bool caches_found = false;
        for (const StoppedThread& thread : image_.threads) {
            const auto* const region = image_.region_at(thread.thread_pointer);
            if (region == nullptr) continue;
            const std::uint64_t begin = std::max(region->mapping.begin, thread.thread_pointer - std::min(thread.thread_pointer, kTlsReach));
            for (std::uint64_t at = (begin + 7) / 8 * 8; at < thread.thread_pointer; at += 8) {
                std::vector<std::uint64_t> cached;
                int bins = 0;
                while (bins < kMostBins && read_bin(at + kBin * static_cast<std::uint64_t>(bins), static_cast<std::uint64_t>(bins), cached))
                    ++bins;
                if (bins < kConvincingBins) continue;
                caches_found = true;
                // The stacks are in a block of their own, with the addresses of blocks that have been taken from them since.
                if (const Block* const stacks = block_around(word(at))) free.push_back(stacks->address);
                free.insert(free.end(), cached.begin(), cached.end());
                break;
            }
        }
        remove_blocks(found_.blocks, std::move(free));
        if (!caches_found && !image_.threads.empty())
            found_.warnings.push_back(
                "the caches of threads of this version of jemalloc are not known: what is free in them counts as in use");
    }

    const MemoryImage& image_;
    mutable NextWord next_entry_;
    std::uint64_t root_ = 0;
    std::optional<int> class_bits_;  // the first; nothing: not known
    std::set<std::uint64_t> leaves_, own_blocks_;
    std::vector<Extent> extents_;
    HeapBlocks found_;
};

}  // namespace

HeapBlocks find_jemalloc_blocks(const MemoryImage& image) { return JemallocWalk(image).run(); }

}  // namespace leakline::holders
