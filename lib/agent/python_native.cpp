#include "agent/internal/python_native.hpp"

#include <fcntl.h>
#include <sys/syscall.h>

#include "unwind/system_call.hpp"

namespace leakline::agent::python {

namespace {

constexpr std::uint32_t kMaxBlocks = 1u << 25, kMaxRanges = 1u << 17;
constexpr std::size_t kLongestLine = 4096;

std::uint64_t hexadecimal(const char*& text) {
    std::uint64_t value = 0;
    for (;; ++text) {
        const char c = *text;
        if (c >= '0' && c <= '9')
            value = value * 16 + static_cast<unsigned>(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value * 16 + static_cast<unsigned>(c - 'a' + 10);
        else
            return value;
    }
}

}  // namespace

std::uint64_t NativeMemory::word(std::uint64_t address) { return at<std::uint64_t>(reinterpret_cast<const void*>(address), 0); }

bool NativeMemory::begin() {
    blocks_ = reserve<Block>(kMaxBlocks);
    ranges_ = reserve<Range>(kMaxRanges);
    return blocks_ != nullptr && ranges_ != nullptr && read_mappings();
}

// Ordered by address, as /proc/self/maps is; neighbors become one, as a block may reach into the next mapping.
void NativeMemory::add_range(std::uint64_t begin, std::uint64_t end) {
    if (range_count_ > 0 && ranges_[range_count_ - 1].end == begin)
        ranges_[range_count_ - 1].end = end;
    else if (range_count_ < kMaxRanges)
        ranges_[range_count_++] = {begin, end};
}

// "55d0-55e1 rw-p 00000000 00:00 0    [heap]": private memory that is written, and belongs to no file or stack.
bool NativeMemory::read_mappings() {
    const long file = unwind::system_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/maps"), O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    static char text[2 * kLongestLine];
    std::size_t kept = 0;
    for (;;) {
        const long count = unwind::system_call(SYS_read, file, reinterpret_cast<long>(text + kept), static_cast<long>(kLongestLine));
        if (count <= 0) break;
        kept += static_cast<std::size_t>(count);
        std::size_t begin = 0;
        for (std::size_t i = 0; i < kept; ++i) {
            if (text[i] != '\n') continue;
            text[i] = '\0';
            const char* at_text = text + begin;
            begin = i + 1;
            const std::uint64_t first = hexadecimal(at_text);
            if (*at_text != '-') continue;
            const std::uint64_t last = hexadecimal(++at_text);
            const bool written = strncmp(at_text, " rw-p ", 6) == 0;
            const char* const path = strpbrk(at_text, "/[");
            const bool is_main_arena = path != nullptr && strcmp(path, "[heap]") == 0;
            if (written && is_main_arena) main_arena_ = {first, last};
            if (written && (path == nullptr || is_main_arena)) add_range(first, last);
        }
        kept -= begin;
        memmove(text, text + begin, kept);
        if (kept >= kLongestLine) break;  // no line of this file
    }
    unwind::system_call(SYS_close, file);
    return range_count_ > 0;
}

const NativeMemory::Range* NativeMemory::range_of(std::uint64_t address) const {
    std::uint32_t low = 0, high = range_count_;
    while (low < high) {
        const std::uint32_t middle = low + (high - low) / 2;
        if (ranges_[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < range_count_ && ranges_[low].begin <= address ? &ranges_[low] : nullptr;
}

// Elsewhere, as in pymalloc's arenas, no block begins. Heaps of other arenas begin at multiples of their size, with a pointer to their arena.
bool NativeMemory::is_in_arena(const Range& range, std::uint64_t block, bool other) const {
    constexpr std::uint64_t kHeapSize = std::uint64_t{64} << 20;
    if (!other) return main_arena_.begin <= block && block < main_arena_.end;
    const std::uint64_t heap = block & ~(kHeapSize - 1);
    return heap >= range.begin && range_of(word(heap)) != nullptr;
}

// The word before a block has its size and three flags: the block before is in use (1), mapped by itself (2), not of the main arena (4).
std::uint64_t NativeMemory::end_of_block(const Range& range, std::uint64_t block) const {
    constexpr std::uint64_t kHead = 16, kFlags = 7, kUnused = 8, kInUse = 1, kMapped = 2, kOtherArena = 4, kLeast = 32;
    constexpr std::uint64_t kLeastMapped = std::uint64_t{128} << 10;
    if (block % 16 != 0 || block < range.begin + kHead) return 0;
    const std::uint64_t own = word(block - 8), size = own & ~kFlags;
    if ((own & kUnused) != 0 || size < kLeast || size > range.end - block + kHead) return 0;
    if ((own & kMapped) != 0 && size < kLeastMapped) return 0;
    if ((own & kMapped) != 0) return block % kPage == kHead && size % kPage == 0 && word(block - kHead) == 0 ? block - kHead + size : 0;
    const std::uint64_t next = block + size;
    if (next > range.end || !is_in_arena(range, block, (own & kOtherArena) != 0)) return 0;
    const std::uint64_t next_own = word(next - 8), next_size = next_own & ~kFlags;
    const bool in_use = (next_own & (kInUse | kUnused)) == kInUse && next_size >= 16 && next_size <= range.end - next + kHead;
    return in_use ? next - 8 : 0;  // the size of the next is not the block's, what is before it may be
}

void NativeMemory::add(std::uint64_t address, std::uint32_t owner) {
    constexpr std::uint64_t kMostBefore = 64;  // what libraries put before their blocks, or pointers into structures skip
    if (address < ranges_[0].begin || address >= ranges_[range_count_ - 1].end || used_ == kMaxBlocks || address % 8 != 0) return;
    const Range* const range = range_of(address);
    if (range == nullptr) return;
    for (std::uint64_t block = address & ~std::uint64_t{15}; address - block <= kMostBefore; block -= 16) {
        const std::uint64_t end = end_of_block(*range, block);
        if (end <= address) continue;
        const std::uint32_t found = index_.find_or_add(block, used_, [this](std::uint32_t i) { return blocks_[i].begin; });
        if (found == used_) blocks_[used_++] = {block, end, owner};
        return;
    }
}

}  // namespace leakline::agent::python
