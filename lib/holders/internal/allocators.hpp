// The allocators whose blocks are found, each in a file of its own.
//
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "holders/internal/blocks.hpp"
#include "holders/internal/memory_image.hpp"

namespace leakline::holders {

// By walking the chunks of all arenas. What is free is left out: chunks in bins, fast bins and thread caches.
HeapBlocks find_glibc_blocks(const MemoryImage& image);
// By its table of extents, in the data of a library or of the program itself.
HeapBlocks find_jemalloc_blocks(const MemoryImage& image);
// By its map of pages, in the data of a library or of the program itself. No blocks if its tables contradict each other.
HeapBlocks find_tcmalloc_blocks(const MemoryImage& image);
// By the headers of its segments. No blocks if those contradict each other.
HeapBlocks find_mimalloc_blocks(const MemoryImage& image);

// The library of an allocator that should have blocks, by its name.
struct LoadedAllocator {
    HeapBlocks::Allocator allocator = HeapBlocks::Allocator::unknown;
    std::string library;
};
LoadedAllocator loaded_allocator(const MemoryImage& image);
// If its tables are not known: each large part of anonymous memory as one block, but for stacks and what is taken by others.
HeapBlocks find_mapped_blocks(const MemoryImage& image, const LoadedAllocator& loaded, std::vector<Range> taken);

// Sorts by address. Damaged tables can make a block reach over others: those that begin within another are left out.
void order_blocks(std::vector<Block>& blocks);
// Of ordered blocks: the one that begins there.
const Block* block_at(const std::vector<Block>& blocks, std::uint64_t address);
void remove_blocks(std::vector<Block>& blocks, std::vector<std::uint64_t> addresses);

// Reads words that are often near the last one. Those that are not in the copy are 0.
class WordReader {
  public:
    explicit WordReader(const MemoryImage& image) : image_(image) {}

    std::uint64_t operator()(std::uint64_t address) const { return read<std::uint64_t>(address); }
    template <class Number>
    Number read(std::uint64_t address) const {
        if (last_ == nullptr || address < last_->mapping.begin || address >= last_->mapping.end) last_ = image_.region_at(address);
        if (last_ == nullptr || last_->mapping.end - address < sizeof(Number)) return 0;
        Number value = 0;
        std::memcpy(&value, last_->bytes.data() + (address - last_->mapping.begin), sizeof value);
        return value;
    }

  private:
    const MemoryImage& image_;
    mutable const MemoryImage::Region* last_ = nullptr;
};

// Finds the next word that is not empty. What it has looked through it does not look through again: tables are searched for from thousands
// of pointers into memory that is mostly empty.
class NextWord {
  public:
    // mask: of the bits that are 0 in empty words.
    NextWord(const MemoryImage& image, std::uint64_t mask) : image_(image), mask_(mask) {}

    // At begin or behind it, in the region that it is in; end if there is none before. Both aligned.
    std::uint64_t find(std::uint64_t begin, std::uint64_t end);
    // Calls visit(place in the table, word) for each word that is not empty, until that returns false; size: in bytes. None if there is no
    // room for such a table.
    template <class Visit>
    void for_each(std::uint64_t table, std::uint64_t size, const Visit& visit) {
        const auto* const region = image_.region_at(table);
        if (region == nullptr || region->mapping.is_file() || table % 8 != 0 || size > region->mapping.end - table) return;
        const WordReader word(image_);
        for (std::uint64_t at = table; (at = find(at, table + size)) < table + size; at += 8)
            if (!visit((at - table) / 8, word(at))) return;
    }

  private:
    const MemoryImage& image_;
    const std::uint64_t mask_;
    std::map<std::uint64_t, std::uint64_t> empty_;  // by where a range of empty words ends: where it begins
};

// Blocks of one size, each behind the other, some of them free.
class Slots {
  public:
    // size > 0.
    Slots(std::uint64_t start, std::uint64_t size, std::size_t count) : start_(start), size_(size), is_free_(count, false) {}

    // Marks the blocks of a list as free. next(block): the one that follows it, 0 behind the last. False if the list leaves the blocks, or
    // meets one twice.
    template <class Next>
    bool mark_free(std::uint64_t head, const Next& next) {
        for (; head != 0; head = next(head))
            if (!mark_free(head)) return false;
        return true;
    }
    std::size_t free_count() const { return free_count_; }
    void append_used(std::vector<Block>& to) const;

  private:
    bool mark_free(std::uint64_t block);

    std::uint64_t start_, size_;
    std::vector<bool> is_free_;
    std::size_t free_count_ = 0;
};

}  // namespace leakline::holders
