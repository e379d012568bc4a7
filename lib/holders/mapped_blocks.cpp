// The memory of an allocator that is known by its library's name only.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/strings.hpp"
#include "holders/internal/allocators.hpp"

namespace leakline::holders {

namespace {

constexpr std::uint64_t kSmallestPart = 256 << 10;
constexpr std::uint64_t kJoinedGap = 1 << 20;  // what is written on both sides of it is one part

// The stacks of threads that are not the main one end with the thread's record, to which the thread pointer leads.
void add_stacks(const MemoryImage& image, std::vector<Range>& taken) {
    for (const StoppedThread& thread : image.threads)
        if (const auto* const region = image.region_at(thread.thread_pointer))
            taken.push_back({region->mapping.begin, (thread.thread_pointer / kPage + 2) * kPage});
}

// What is written of a region, without what is taken.
std::vector<Range> free_parts(const MemoryImage::Region& region, const std::vector<Range>& taken) {
    std::vector<Range> parts;
    const auto add = [&](const Range& part) {
        if (part.end <= part.begin) return;
        if (!parts.empty() && part.begin - parts.back().end < kJoinedGap && !contain(taken, parts.back().end))
            parts.back().end = part.end;
        else
            parts.push_back(part);
    };
    for (const auto& run : region.runs) {
        std::uint64_t at = run.begin;
        auto next =
            std::upper_bound(taken.begin(), taken.end(), at, [](std::uint64_t address, const Range& range) { return address < range.end; });
        for (; next != taken.end() && next->begin < run.end; ++next) {
            add({at, next->begin});
            at = next->end;
        }
        add({at, run.end});
    }
    return parts;
}

}  // namespace

LoadedAllocator loaded_allocator(const MemoryImage& image) {
    constexpr std::pair<std::string_view, HeapBlocks::Allocator> kLibraries[] = {{"libtcmalloc", HeapBlocks::Allocator::tcmalloc},
                                                                                 {"libmimalloc", HeapBlocks::Allocator::mimalloc}};
    for (const Mapping& mapping : image.mappings)
        for (const auto& [start, allocator] : kLibraries)
            if (const std::string_view name = file_name(mapping.path); name.starts_with(start)) return {allocator, std::string(name)};
    return {};
}

HeapBlocks find_mapped_blocks(const MemoryImage& image, const LoadedAllocator& loaded, std::vector<Range> taken) {
    HeapBlocks found;
    found.allocator = loaded.allocator;
    add_stacks(image, taken);
    join_ranges(taken);
    const MemoryImage::Region* before = nullptr;
    for (const auto& region : image.regions) {
        const bool bss = before != nullptr && is_bss(before->mapping, region.mapping);
        if (bss && file_name(before->mapping.path) == loaded.library) found.own.push_back({before->mapping.begin, region.mapping.end});
        before = &region;
        if (bss || !(region.mapping.is_anonymous() || region.mapping.path == "[heap]")) continue;
        for (const Range& part : free_parts(region, taken))
            if (part.end - part.begin >= kSmallestPart) found.blocks.push_back({part.begin, part.end - part.begin});
    }
    for (const Block& block : found.blocks) found.heaps.push_back({block.address, block.end()});
    const std::size_t count = found.blocks.size();
    const std::string parts =
        count == 1 ? "1 large part of its memory counts as one block, with all that is free in it"
                   : fmt::format("{} large parts of its memory count as one block each, with all that is free in them", count);
    found.warnings.push_back(fmt::format(
        "the program allocates with {}, a version whose tables are not known: {}; of the variables that lead there, one is named",
        loaded.library, parts));
    return found;
}

}  // namespace leakline::holders
