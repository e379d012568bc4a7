// The heap of a program, in any bytes: chunks, lists of freed ones, pointers. Blocks are in order and within memory, every block has an owner or is
// lost, and all of it ends.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "debuginfo/type_name.hpp"
#include "holders/internal/blocks.hpp"
#include "holders/internal/describe.hpp"
#include "holders/internal/graph.hpp"
#include "holders/internal/memory_image.hpp"
#include "holders/internal/roots.hpp"
#include "main_arena.hpp"
#include "require.hpp"
#include "system/mappings.hpp"

namespace {

using namespace leakline;
using namespace leakline::holders;

using leakline::fuzz::require, leakline::fuzz::kLibrarySize;

constexpr std::uint64_t kLibrary = 0x7f0000000000, kHeap = 0x550000000000, kMapped = 0x7e0000000000;
constexpr std::uint64_t kJemalloc = 0x7f1000000000, kSlabs = 0x7f2000000000;
constexpr std::uint64_t kTcmalloc = 0x7f3000000000, kSpans = 0x7f4000000000, kTcmallocPages = 0x7f5000000000;
constexpr std::uint64_t kSegment = 0x7f6000000000;

void add_region(MemoryImage& image, std::uint64_t begin, std::uint64_t size, const char* path) {
    Mapping mapping;
    mapping.begin = begin;
    mapping.end = begin + size;
    mapping.readable = mapping.writable = true;
    mapping.path = path;
    image.mappings.push_back(mapping);
    image.regions.push_back({mapping, Pages(size), {{begin, begin + size}}});
}

void put(MemoryImage& image, std::uint64_t address, std::uint64_t value) {
    auto& region = image.regions[static_cast<std::size_t>(image.region_at(address) - image.regions.data())];
    std::memcpy(region.bytes.data() + (address - region.mapping.begin), &value, sizeof value);
}

// jemalloc's table for the pages of a mapping: what each is, and how long, is what the input says.
void put_jemalloc(MemoryImage& image, std::string_view input, std::uint64_t pages) {
    constexpr std::uint64_t kTable = std::uint64_t{8} << 18, kRecord = 128;
    add_region(image, kJemalloc, kPage, "/lib/libjemalloc.so.2");
    add_region(image, kJemalloc + kPage, 2 * kTable + kPage, "");
    const std::uint64_t root = kJemalloc + kPage, leaf = root + kTable, records = leaf + kTable;
    const std::uint64_t slot = root + 8 * (kSlabs >> 30), first = leaf + 8 * ((kSlabs >> 12) % (kTable / 8));
    image.regions.back().runs.clear();  // the rest was never written
    for (const std::uint64_t written : {slot, first, records})
        image.regions.back().runs.push_back({written / kPage * kPage, written / kPage * kPage + kPage});
    put(image, slot, leaf);
    add_region(image, kSlabs, pages * kPage, "");
    std::memcpy(image.regions.back().bytes.data(), input.data(), std::min<std::size_t>(input.size(), pages * kPage));
    for (std::uint64_t page = 0; page < std::min<std::uint64_t>(pages, kPage / kRecord); ++page) {
        std::uint64_t word = 0;
        if (input.size() >= 8 * (page + 1)) std::memcpy(&word, input.data() + 8 * page, sizeof word);
        const std::uint64_t record = records + kRecord * page, slab = word & 1;
        put(image, first + 8 * page, (word >> 8 & 0xff) << 48 | record | slab);
        put(image, record, (word >> 8 & 0xff) << 20);
        put(image, record + 8, kSlabs + page * kPage + (slab == 0 ? word >> 16 & 0xff0 : 0));
        put(image, record + 16, (1 + (word >> 32) % 4) * kPage);
        put(image, record + 64, word * word);
    }
}

// The words of the input, again and again.
class Words {
  public:
    explicit Words(std::string_view input) : input_(input) {}
    std::uint64_t next() {
        std::uint64_t word = 0;
        if (input_.size() >= sizeof word) std::memcpy(&word, input_.data() + 8 * (at_++ % (input_.size() / 8)), sizeof word);
        return word;
    }
    // Most often `right`.
    std::uint64_t mostly(std::uint64_t right) {
        const std::uint64_t word = next();
        return word % 8 == 0 ? word >> 3 : right;
    }

  private:
    std::string_view input_;
    std::size_t at_ = 0;
};

void put_half(MemoryImage& image, std::uint64_t address, std::uint32_t value) {
    const std::uint64_t word = image.word(address / 8 * 8).value_or(0);
    put(image, address / 8 * 8, address % 8 == 0 ? (word >> 32 << 32 | value) : (word << 32 >> 32 | std::uint64_t{value} << 32));
}

// tcmalloc's size classes and its map of pages, in a library; spans, lists and thread caches as the input says, most of them right.
void put_tcmalloc(MemoryImage& image, std::string_view input) {
    constexpr std::uint64_t kTable = kTcmalloc + kPage, kPages = 64, kClasses = 35, kCentral = 1216;
    constexpr std::uint64_t kRoot = kTable + 0x1000, kLists = kRoot + (8 << 17), kLeaf = kSpans + 0x1000, kCache = kSpans + 0x300000;
    Words words(input);
    add_region(image, kTcmalloc, kPage, "/lib/libtcmalloc.so.4");
    add_region(image, kTable, 0x180000, "");
    add_region(image, kSpans, 0x310000, "");
    add_region(image, kTcmallocPages, kPages * 8192, "");
    const auto size_of_class = [&](std::uint64_t i) {
        return i == kClasses - 1 ? 256 << 10 : static_cast<std::uint32_t>(i < 8 ? 8 * i : 16 * i);
    };
    for (std::uint64_t i = 1; i < kClasses; ++i) {
        put_half(image, kTable + 4 + 4 * i, size_of_class(i));
        put(image, kTable + 520 + 8 * i, i == kClasses - 1 ? 32 : 1);
        put_half(image, kCache + 32 * i + 24, size_of_class(i));
        put(image, kCache + 32 * i, words.next() % (kPages * 8192) + kTcmallocPages);
        put(image, kCache + 32 * i + 8, words.next());
        put(image, kLists + kCentral * i + 8, i);
        put_half(image, kLists + kCentral * i + 1152, static_cast<std::uint32_t>(words.next()));
        put(image, kLists + kCentral * i + 128, words.next() % (kPages * 8192) + kTcmallocPages);
    }
    put(image, kTable + 520 + 8 * 128, kClasses);
    put(image, kTable + 0xff0, words.mostly(kCache));
    put(image, kCache + 32 * 128 + 16, words.mostly(kCache));
    put(image, kRoot + 8 * (kTcmallocPages >> 31), words.mostly(kLeaf));
    std::memcpy(image.regions.back().bytes.data(), input.data(), std::min<std::size_t>(input.size(), kPages * 8192));
    for (std::uint64_t page = 0; page < kPages; ++page) {
        const std::uint64_t span = kSpans + 0x200000 + 0x1000 + 48 * page, number = (kTcmallocPages >> 13) + page,
                            kind = words.next() % kClasses;
        put(image, kLeaf + 8 * ((kTcmallocPages >> 13) % (1 << 18) + page), words.mostly(span));
        put(image, span, words.mostly(number));
        put(image, span + 8, words.mostly(1));
        const std::uint64_t taken = kind == 0 ? 0 : 8192 / size_of_class(kind);
        put(image, span + 32, words.next() % 4 == 0 ? kTcmallocPages + page * 8192 + words.next() % 64 * 8 : 0);
        put(image, span + 40, words.mostly(kind << 16 | taken));
    }
}

// A segment of mimalloc; its pages as the input says, most of them right.
void put_mimalloc(MemoryImage& image, std::string_view input) {
    constexpr std::uint64_t kSlice = 64 << 10, kSlices = 16;
    Words words(input);
    add_region(image, kSegment, kSlices * kSlice, "");
    std::memcpy(image.regions.back().bytes.data() + kSlice, input.data(), std::min<std::size_t>(input.size(), (kSlices - 1) * kSlice));
    put(image, kSegment + 216, words.next());
    put(image, kSegment + 224, words.mostly(512));
    put(image, kSegment + 232, words.mostly(1));
    put(image, kSegment + 248, words.mostly(512));
    const std::uint64_t record = words.next() % 4 == 0 ? 96 : 80, list = record == 96 ? 56 : 40;
    for (std::uint64_t slice = 0; slice < kSlices; ++slice) {
        const std::uint64_t at = kSegment + 264 + record * slice, start = kSegment + slice * kSlice;
        const std::uint64_t size = words.next() % 64 * 8, capacity = size == 0 ? 0 : (kSlice - 384) / size % 0x10000;
        put(image, at, words.mostly(slice == kSlices - 1 ? 512 - slice : 1));
        put(image, at + 8, words.mostly(capacity << 16));
        put(image, at + 16, words.next() % 4 == 0 ? start + words.next() % kSlice / 8 * 8 : 0);
        put(image, at + 24, words.mostly((slice == kSlices - 1 ? 0 : size) << 32 | capacity));
        put(image, at + list, words.next() % 4 == 0 ? start + words.next() % kSlice / 8 * 8 : 0);
        put(image, at + list + 8, kSegment + words.next() % kSlice);
    }
    std::uint64_t used = 0;
    for (std::uint64_t slice = 1; slice < kSlices; ++slice)
        used += image.word(kSegment + 264 + record * slice + 24).value_or(0) >> 32 != 0 ? 1 : 0;
    put(image, kSegment + 208, words.mostly(used));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    for (const Mapping& mapping : parse_mappings(input)) require(mapping.begin < mapping.end && mapping.path.size() < size);
    require(debuginfo::short_type_name(input).size() <= 2 * size + 64);  // "," becomes ", "
    std::size_t length = 0;
    for (const std::string_view scope : debuginfo::scopes_of(input)) length += scope.size();
    require(length <= size);

    const std::uint64_t heap_size = (std::min<std::size_t>(size, 16 * kPage) / kPage + 1) * kPage;
    MemoryImage image;
    add_region(image, kHeap, heap_size, "[heap]");
    add_region(image, kMapped, heap_size, "");
    add_region(image, kLibrary, kLibrarySize, "/lib/libc.so.6");
    std::memcpy(image.regions[0].bytes.data(), data, std::min<std::size_t>(size, heap_size));
    std::memcpy(image.regions[1].bytes.data(), data, std::min<std::size_t>(size, heap_size));
    const auto put_word = [&](std::uint64_t address, std::uint64_t value) { put(image, address, value); };
    leakline::fuzz::put_main_arena(put_word, kLibrary, kHeap, heap_size, input);
    // More than one at once would hide each other's roots.
    switch (size % 4) {
        case 0: put_jemalloc(image, input, heap_size / kPage); break;
        case 1: put_tcmalloc(image, input); break;
        case 2: put_mimalloc(image, input); break;
        default: add_region(image, kTcmalloc, kPage, "/lib/libmimalloc.so.2"); break;  // a version that is not known
    }

    HeapBlocks heap = find_blocks(image);
    require(heap.allocator != HeapBlocks::Allocator::unknown);
    std::uint64_t before = 0;
    for (const Block& block : heap.blocks) {
        require(block.address >= before && block.size > 0);
        before = block.end();
        require(image.region_at(block.address) != nullptr);
    }
    const BlockIndex index(std::move(heap.blocks));
    debuginfo::DebugInfo names({});
    NumberWords numbers(names);
    const Roots roots = find_roots(image, heap, index, names, numbers);
    const std::vector<NamedRoot> named = name_roots(image, roots, names);
    std::vector<const Group*> variables;
    for (const NamedRoot& root : named) variables.push_back(&root.group);
    ObjectForms forms(image, index, names);
    Ownership ownership(image, index, variables, forms, numbers, {});
    const Graph graph(image, index, roots, ownership, {}, ownership.take_used());
    std::uint64_t blocks = graph.lost_blocks();
    for (std::size_t root = 0; root < roots.roots.size(); ++root) blocks += graph.owned_blocks(root);
    require(blocks == index.size());
    const Bytes all = index.bytes();
    Bytes held = 0;
    for (std::size_t root = 0; root < roots.roots.size(); ++root) require(graph.shared(root).bytes <= graph.owned_bytes(root));
    for (BlockId block = 0; block < index.size(); ++block) {
        require(graph.retained_bytes(block) >= index[block].size && graph.retained_bytes(block) <= all);
        const BlockId dominator = graph.dominator(block);
        require(dominator == kNoBlock || graph.retained_bytes(dominator) > graph.retained_bytes(block));
    }
    for (const Holder& holder : describe_roots({image, index, names, forms, ownership, graph}, roots, named, 20, {})) held += holder.bytes;
    require(held <= all);
    return 0;
}
