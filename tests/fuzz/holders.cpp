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
        put(image, record + 8, kSlabs + page * kPage + (slab == 0 ? word >> 16 & 0xff0 : 0));
        put(image, record + 16, (1 + (word >> 32) % 4) * kPage);
        put(image, record + 64, word * word);
    }
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
    put_jemalloc(image, input, heap_size / kPage);

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
    const Ownership ownership(image, index, variables, forms, numbers, {});
    const Graph graph(image, index, roots, ownership, {});
    std::uint64_t blocks = graph.lost_blocks();
    for (std::size_t root = 0; root < roots.roots.size(); ++root) blocks += graph.owned_blocks(root);
    require(blocks == index.size());
    Bytes all = 0, held = 0;
    for (const Block& block : index.blocks()) all += block.size;
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
