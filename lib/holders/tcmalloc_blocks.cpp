// Reads the tables of gperftools' tcmalloc (2.7 to 2.18, 64 bits; pagemap.h, span.h, common.h, central_freelist.h, thread_cache.h):
//
//   A map of two levels knows the span of each page. Its root, in the data of the library or program, has 2^17 pointers to leaves of 2^18
//   pointers to spans (for pages of 8 KiB; other sizes are a setting of the build). Each page of a span of small blocks has an entry, of
//   others the first and the last; what merging has left in between belongs to no span.
//   A span: {first page, pages, next, previous, list of free blocks, blocks that are not in the list: 16 bits, size class: 8, state: 2}.
//   Class 0: one large block. State 0: in use.
//   The size classes: 128 sizes of 32 bits, 0, 8, 16, ... up to 256 KiB, then 128 numbers of pages of a span, then how many classes there are.
//   Free blocks that are not in the list of their span: in the caches of threads, which have {list, length, ..., size} for each class, and
//   link each other; and in the slots of the central list of their class, with {first, last} of a list in each.
//
// There are no symbols of these in packaged builds, so they are found by their contents.
#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "holders/internal/allocators.hpp"

namespace leakline::holders {

namespace {

namespace tcmalloc {

constexpr std::size_t kMostClasses = 128, kFewestClasses = 30;
constexpr std::uint64_t kLargestSmall = 256 << 10, kMostPagesOfClass = 1024;
constexpr int kAddressBits = 48, kSmallestPage = 12, kLargestPage = 18;
constexpr int kTriedEntries = 64;  // of a leaf, to find one that is right
// A span.
constexpr std::uint64_t kLengthAt = 8, kFreeAt = 32, kBitsAt = 40;
// A central list, and the next one.
constexpr std::uint64_t kCentral = 1216, kClassAt = 8, kSlotsAt = 128, kUsedSlotsAt = 1152, kMostSlots = 64;
// A thread's cache.
constexpr std::uint64_t kList = 32, kListLengthAt = 8, kListSizeAt = 24, kLinksAt = kList * kMostClasses, kLinksWithin = 128;

struct Classes {
    std::size_t count = 0;
    std::array<std::uint64_t, kMostClasses> sizes{}, pages{};
    int page_bits = 0;
};

struct Span {
    std::uint64_t first = 0, length = 0;  // pages
    std::uint64_t free = 0, taken = 0;
    std::size_t size_class = 0;
    bool in_use = false;
};

class Walk {
  public:
    explicit Walk(const MemoryImage& image) : image_(image), word_(image), next_entry_(image, ~std::uint64_t{0}) {}

    HeapBlocks run() {
        const MemoryImage::Region* before = nullptr;
        for (const auto& region : image_.regions) {
            const bool bss = before != nullptr && is_bss(before->mapping, region.mapping);
            if (bss && region.mapping.size() >= kPage) {
                data_ = {before->mapping.begin, region.mapping.end};
                if (find_classes() && find_root() && add_spans() && remove_free()) return take();
                spans_.clear();
                leaves_.clear();
                free_.clear();
                found_ = {};
            }
            before = &region;
        }
        return {};
    }

  private:
    // The data of a module: its file's part and its .bss, each a region of its own.
    template <class Visit>
    void for_each_word_of_data(const Visit& visit) const {
        for (const MemoryImage::Region* region = image_.region_at(data_.begin); region != nullptr && region->mapping.begin < data_.end;
             region = image_.region_at(region->mapping.end))
            image_.for_each_word(region->mapping.begin, region->mapping.end, visit);
    }

    std::optional<Classes> classes_at(std::uint64_t sizes) const {
        Classes classes;
        const std::uint64_t pages = (sizes + 4 * kMostClasses + 7) / 8 * 8;
        for (std::size_t i = 1; i < kMostClasses && classes.sizes[classes.count] < kLargestSmall; ++i) {
            classes.sizes[i] = word_.read<std::uint32_t>(sizes + 4 * i);
            classes.pages[i] = word_(pages + 8 * i);
            if (classes.sizes[i] % 8 != 0 || classes.sizes[i] <= classes.sizes[i - 1]) return std::nullopt;
            if (classes.pages[i] == 0 || classes.pages[i] > kMostPagesOfClass) return std::nullopt;
            classes.count = i;
        }
        if (classes.sizes[classes.count] != kLargestSmall || classes.count < kFewestClasses) return std::nullopt;
        if (word_(pages) != 0 || word_(pages + 8 * kMostClasses) != ++classes.count) return std::nullopt;
        // Spans are as long as it takes to waste no more than an eighth.
        for (int bits = kSmallestPage; bits <= kLargestPage; ++bits) {
            bool fits = true;
            for (std::size_t i = 1; i < classes.count && fits; ++i) {
                const std::uint64_t bytes = classes.pages[i] << bits;
                fits = bytes >= classes.sizes[i] && bytes % classes.sizes[i] <= bytes / 8;
            }
            if (!fits) continue;
            classes.page_bits = bits;
            return classes;
        }
        return std::nullopt;
    }

    bool find_classes() {
        classes_ = {};
        for_each_word_of_data([&](std::uint64_t address, std::uint64_t value) {
            if (classes_.count != 0) return;
            // Numbers of 32 bits: 0, 8, or 8, 16.
            const std::uint64_t sizes = value == std::uint64_t{8} << 32 ? address : address - 4;
            if (value != std::uint64_t{8} << 32 && value != (std::uint64_t{16} << 32 | 8)) return;
            if (word_.read<std::uint32_t>(sizes) == 0) classes_ = classes_at(sizes).value_or(Classes{});
        });
        return classes_.count != 0;
    }

    int leaf_bits() const { return (kAddressBits - classes_.page_bits + 1) / 2; }
    std::uint64_t leaf_entries() const { return std::uint64_t{1} << leaf_bits(); }
    std::uint64_t root_entries() const { return std::uint64_t{1} << (kAddressBits - classes_.page_bits - leaf_bits()); }
    std::uint64_t start_of(const Span& span) const { return span.first << classes_.page_bits; }
    std::uint64_t size_of(const Span& span) const { return span.length << classes_.page_bits; }

    // Nothing if there is no valid record of a span there, or its pages are not in the copy.
    std::optional<Span> span_at(std::uint64_t address) const {
        const std::uint64_t bits = word_(address + kBitsAt);
        Span span;
        span.first = word_(address);
        span.length = word_(address + kLengthAt);
        span.free = word_(address + kFreeAt);
        span.taken = bits & 0xffff;
        span.size_class = bits >> 16 & 0xff;
        const std::uint64_t state = bits >> 24 & 3, most = std::uint64_t{1} << (kAddressBits - classes_.page_bits);
        span.in_use = state == 0;
        if (address % 8 != 0 || span.first == 0 || span.first >= most || span.length == 0 || span.length >= most) return std::nullopt;
        if (state > 2 || span.size_class >= classes_.count) return std::nullopt;
        if (span.in_use && span.size_class != 0 && span.length != classes_.pages[span.size_class]) return std::nullopt;
        const auto* const region = image_.region_at(start_of(span));
        if (region == nullptr || size_of(span) > region->mapping.end - start_of(span)) return std::nullopt;
        return span;
    }

    // Which place in the root a leaf has, by the spans that its first entries lead to.
    std::optional<std::uint64_t> place_of(std::uint64_t leaf) const {
        std::optional<std::uint64_t> found;
        int tried = 0;
        next_entry_.for_each(leaf, leaf_entries() * 8, [&](std::uint64_t place, std::uint64_t entry) {
            if (const std::optional<Span> span = span_at(entry))
                for (const std::uint64_t page : {span->first, span->first + span->length - 1})
                    if (page % leaf_entries() == place) found = page >> leaf_bits();
            return !found && ++tried < kTriedEntries;
        });
        return found;
    }

    bool find_root() {
        root_ = 0;
        std::set<std::uint64_t> seen;
        for_each_word_of_data([&](std::uint64_t at, std::uint64_t leaf) {
            if (root_ != 0 || leaf == 0 || leaf % 8 != 0 || image_.region_at(leaf) == nullptr || !seen.insert(leaf).second) return;
            const std::optional<std::uint64_t> place = place_of(leaf);
            if (!place || *place >= root_entries() || at - data_.begin < *place * 8) return;
            const std::uint64_t root = at - *place * 8;
            if (root_entries() * 8 <= data_.end - root) root_ = root;
        });
        return root_ != 0;
    }

    // False if leaves overlap, so that the same words would be read many times, or if the free lists of spans of small blocks contradict what
    // is counted in them.
    bool add_spans() {
        if (!find_leaves()) return false;
        image_.for_each_word(root_, root_ + root_entries() * 8, [&](std::uint64_t at, std::uint64_t leaf) {
            if (leaf == 0 || !leaves_.contains(leaf)) return;
            const std::uint64_t first = (at - root_) / 8 << leaf_bits();
            next_entry_.for_each(leaf, leaf_entries() * 8, [&](std::uint64_t place, std::uint64_t entry) {
                if (word_(entry) != first + place) return true;  // not where the span begins
                if (const std::optional<Span> span = span_at(entry)) spans_.push_back(*span);
                return true;
            });
        });
        std::sort(spans_.begin(), spans_.end(), [](const Span& a, const Span& b) { return a.first < b.first; });
        std::size_t right = 0, wrong = 0;
        std::uint64_t end = 0;
        for (const Span& span : spans_) {
            if (span.first < end) continue;  // only in damaged memory
            end = span.first + span.length;
            found_.heaps.push_back({start_of(span), start_of(span) + size_of(span)});
            if (!span.in_use) continue;
            if (span.size_class == 0)
                found_.blocks.push_back({start_of(span), size_of(span)});
            else
                ++(add_blocks(span) ? right : wrong);
        }
        // The process can have stopped while a thread took blocks out of one.
        return right > 0 && wrong <= right / 16 + image_.threads.size();
    }

    bool add_blocks(const Span& span) {
        const std::uint64_t size = classes_.sizes[span.size_class], count = size_of(span) / size;
        Slots slots(start_of(span), size, count);
        const bool whole = slots.mark_free(span.free, word_);
        slots.append_used(found_.blocks);
        return whole && slots.free_count() + span.taken == count;
    }

    // Two entries of the root do not share a leaf either.
    bool find_leaves() {
        bool apart = true;
        image_.for_each_word(root_, root_ + root_entries() * 8, [&](std::uint64_t, std::uint64_t leaf) {
            if (leaf != 0) apart = leaves_.insert(leaf).second && apart;
        });
        std::uint64_t end = 0;
        for (const std::uint64_t leaf : leaves_) {
            apart = apart && leaf >= end;
            end = leaf + leaf_entries() * 8;
        }
        return apart;
    }

    // False if there are more blocks in the lists than in all: a ring.
    bool remove_free() {
        order_blocks(found_.blocks);
        add_thread_caches();
        add_central_slots();
        if (free_.size() > found_.blocks.size()) return false;
        remove_blocks(found_.blocks, std::move(free_));
        return true;
    }

    HeapBlocks take() {
        found_.allocator = HeapBlocks::Allocator::tcmalloc;
        found_.own.push_back({root_, root_ + root_entries() * 8});
        for (const std::uint64_t leaf : leaves_) found_.own.push_back({leaf, leaf + leaf_entries() * 8});
        join_ranges(found_.heaps);
        return std::move(found_);
    }

    // A list of free blocks of a class; ends where it leaves those.
    void add_list(std::uint64_t head, std::size_t size_class, std::uint64_t most) {
        std::uint64_t at = head;
        for (std::uint64_t count = 0; at != 0 && count < most && free_.size() <= found_.blocks.size(); at = word_(at), ++count) {
            const Block* const block = block_at(found_.blocks, at);
            if (block == nullptr || block->size != classes_.sizes[size_class]) break;
            free_.push_back(at);
        }
    }

    bool is_thread_cache(std::uint64_t address) const {
        if (address == 0 || address % 8 != 0) return false;
        for (std::size_t i = classes_.count; i-- > 0;)
            if (word_.read<std::uint32_t>(address + kList * i + kListSizeAt) != classes_.sizes[i]) return false;
        return true;
    }

    // Those of all threads link each other behind the lists.
    void add_thread_caches() {
        std::set<std::uint64_t> caches;
        std::vector<std::uint64_t> pending;
        const auto visit = [&](std::uint64_t, std::uint64_t value) {
            if (is_thread_cache(value) && caches.insert(value).second) pending.push_back(value);
        };
        for_each_word_of_data(visit);
        while (!pending.empty()) {
            const std::uint64_t cache = pending.back();
            pending.pop_back();
            for (std::size_t i = 1; i < classes_.count; ++i) {
                const std::uint64_t list = cache + kList * i;
                add_list(word_(list), i, word_.read<std::uint32_t>(list + kListLengthAt));
            }
            image_.for_each_word(cache + kLinksAt, cache + kLinksAt + kLinksWithin, visit);
        }
        if (caches.empty())
            found_.warnings.push_back(
                "the caches of threads of this version of tcmalloc are not known: what is free in them counts as in use");
    }

    // That of class 0: those of all others follow it.
    std::uint64_t find_central_lists() const {
        std::uint64_t found = 0;
        for_each_word_of_data([&](std::uint64_t at, std::uint64_t value) {
            if (found != 0 || value != 1 || at < data_.begin + kCentral + kClassAt) return;
            for (std::size_t i = 0; i < classes_.count; ++i)
                if (word_(at + kCentral * i - kCentral) != i) return;
            found = at - kCentral - kClassAt;
        });
        return found;
    }

    void add_central_slots() {
        const std::uint64_t lists = find_central_lists();
        if (lists == 0) {
            found_.warnings.push_back("the central lists of this version of tcmalloc are not known: what is free in them counts as in use");
            return;
        }
        found_.own.push_back({lists, lists + kCentral * classes_.count});  // slots keep what was in them before
        for (std::size_t i = 1; i < classes_.count; ++i) {
            const std::uint64_t list = lists + kCentral * i, used = word_.read<std::uint32_t>(list + kUsedSlotsAt);
            for (std::uint64_t slot = 0; slot < std::min(used, kMostSlots); ++slot)
                add_list(word_(list + kSlotsAt + 16 * slot), i, found_.blocks.size());
        }
    }

    const MemoryImage& image_;
    const WordReader word_;
    mutable NextWord next_entry_;
    Range data_;
    Classes classes_;
    std::uint64_t root_ = 0;
    std::set<std::uint64_t> leaves_;
    std::vector<Span> spans_;
    HeapBlocks found_;
    std::vector<std::uint64_t> free_;  // in the caches of threads and in central slots
};

}  // namespace tcmalloc

}  // namespace

HeapBlocks find_tcmalloc_blocks(const MemoryImage& image) { return tcmalloc::Walk(image).run(); }

}  // namespace leakline::holders
