// Hooks of mmap, munmap and mremap. Anonymous memory that the program maps to write into is sampled as
// blocks of malloc are: by its size, so that large mappings are always recorded. Calls by allocators and by runtimes with a heap of their own are left out:
// the allocator's blocks are recorded already, and a runtime's heap has no line. glibc's own calls do not reach the hooks.
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string_view>

#include "agent/internal/hook.hpp"
#include "agent/internal/hooks.hpp"
#include "agent/internal/mapping_list.hpp"
#include "agent/internal/python.hpp"
#include "agent/internal/real_functions.hpp"
#include "agent/internal/sampled_calls.hpp"

namespace leakline::agent {

namespace {

constinit Behind<void* (*)(void*, size_t, int, int, int, off_t)> next_mmap{"mmap"};
constinit Behind<int (*)(void*, size_t)> next_munmap{"munmap"};
constinit Behind<void* (*)(void*, size_t, size_t, int, void*)> next_mremap{"mremap"};

constinit MappingList mappings;
bool program_is_runtime;

// By file name: programs begin with one of them, and libraries too, after "lib".
bool is_runtime(std::string_view path) {
    path.remove_prefix(path.rfind('/') + 1);
    if (path.starts_with("lib")) path.remove_prefix(3);
    constexpr std::string_view kNames[] = {"beam", "bun",     "clrgc",   "clrjit",   "coreclr", "deno",   "dotnet",
                                           "java", "jvm",     "mono",    "monosgen", "node",    "nodejs", "perl",
                                           "php",  "php-cgi", "php-fpm", "pypy",     "python",  "ruby"};
    for (const std::string_view name : kNames) {
        if (!path.starts_with(name)) continue;
        // "php8.2", "libruby-3.1.so", but not "monolith".
        const std::string_view rest = path.substr(name.size());
        if (rest.empty() || rest[0] == '.' || rest[0] == '-' || (rest[0] >= '0' && rest[0] <= '9')) return true;
    }
    return false;
}

// An address without a module is generated code, of a runtime.
bool maps_for_others(const void* frame) {
    dl_find_object caller, allocator;
    auto* const address = static_cast<void* const*>(frame)[1];
    if (_dl_find_object(address, &caller) != 0 || python::is_interpreter(address)) return true;
    if (_dl_find_object(reinterpret_cast<void*>(real.malloc), &allocator) == 0 && allocator.dlfo_map_start == caller.dlfo_map_start)
        return true;
    const char* const name = caller.dlfo_link_map->l_name;
    return name == nullptr || *name == '\0' ? program_is_runtime : is_runtime(name);
}

constexpr size_t whole_pages(size_t size) { return (size + kPage - 1) & ~(kPage - 1); }

// Shared memory is not one process's; without reserve, and without access at first, it is address space of which parts may be used.
bool holds_memory(int protection, int flags) {
    return (protection & PROT_WRITE) != 0 && (flags & MAP_ANONYMOUS) != 0 && (flags & (MAP_SHARED | MAP_NORESERVE)) == 0;
}

// What is left of recorded mappings around the pages that go.
void unmapped(void* pages, size_t size) {
    const auto begin = reinterpret_cast<std::uint64_t>(pages), end = begin + size;
    MappingList::Range whole;
    while (mappings.take_overlapping(begin, end, whole)) {
        SampledBlock was;
        if (!forget(reinterpret_cast<void*>(whole.begin), was)) continue;
        for (const MappingList::Range part : {MappingList::Range{whole.begin, begin}, MappingList::Range{end, whole.end}}) {
            if (part.begin >= part.end || part.begin < whole.begin || part.end > whole.end) continue;
            if (remember_part({part.begin, part.end - part.begin, was.at_ns, was.stack}, was.size)) mappings.put(part);
        }
    }
    // One for which the list had no room.
    if (SampledBlock was; may_be_sample(pages) && forget(pages, was) && was.size > size)
        remember_part({end, was.size - size, was.at_ns, was.stack}, was.size);
}

LEAKLINE_SLOW void mapped(void* pages, size_t size, const void* frame) {
    if (maps_for_others(frame) || !choose(size)) return;
    record(pages, size, frame);
    const auto begin = reinterpret_cast<std::uint64_t>(pages);
    mappings.put({begin, begin + size});
}

}  // namespace

#define LEAKLINE_MMAP(name)                                                                                      \
    LEAKLINE_HOOK(void*, name, (void* wanted, size_t size, int protection, int flags, int file, off_t offset)) { \
        const auto call = next_mmap.get();                                                                       \
        if (call == nullptr) return errno = ENOSYS, MAP_FAILED;                                                  \
        void* const pages = call(wanted, size, protection, flags, file, offset);                                 \
        if (pages == MAP_FAILED) return pages;                                                                   \
        size = whole_pages(size);                                                                                \
        if ((flags & MAP_FIXED) != 0 && mappings.overlaps(pages, size)) unmapped(pages, size);                   \
        if (holds_memory(protection, flags) && is_due(size)) mapped(pages, size, LEAKLINE_FRAME);                \
        return pages;                                                                                            \
    }
LEAKLINE_MMAP(mmap)
LEAKLINE_MMAP(mmap64)

// Before the call: afterwards another thread may have the addresses.
LEAKLINE_HOOK(int, munmap, (void* pages, size_t size)) {
    const auto call = next_munmap.get();
    if (call == nullptr) return errno = ENOSYS, -1;
    if (const size_t whole = whole_pages(size); may_be_sample(pages) || mappings.overlaps(pages, whole)) unmapped(pages, whole);
    LEAKLINE_TAIL_CALL return call(pages, size);
}

LEAKLINE_HOOK(void*, mremap, (void* old, size_t old_size, size_t size, int flags, void* wanted)) {
    const auto call = next_mremap.get();
    if (call == nullptr) return errno = ENOSYS, MAP_FAILED;
    MappingList::Range range;
    SampledBlock was;
    const bool known = mappings.take_at(old, range), sampled = known && forget(old, was);
    void* const pages = call(old, old_size, size, flags, wanted);
    if (!sampled) return pages;
    const size_t before = was.size;
    if (pages != MAP_FAILED) {
        range.begin = was.address = reinterpret_cast<std::uint64_t>(pages);
        range.end = range.begin + whole_pages(size);
        was.size = whole_pages(size);
    }
    if (remember_part(was, before)) mappings.put(range);
    return pages;
}

void begin_mappings() {
    static char path[4096];
    const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
    program_is_runtime = length > 0 && is_runtime({path, static_cast<size_t>(length)});
    mappings.clear();
}

#ifdef LEAKLINE_ATTACHED
namespace {

// Both names of mmap are one function.
const Hook mapping_table[] = {LEAKLINE_ROW_OF_LIBC(allocates, mmap, next_mmap), LEAKLINE_ROW_OF_LIBC(allocates, mmap64, next_mmap),
                              LEAKLINE_ROW_OF_LIBC(frees, munmap, next_munmap), LEAKLINE_ROW_OF_LIBC(frees, mremap, next_mremap)};

}  // namespace

std::span<const Hook> mapping_hooks() { return all_of(mapping_table); }
#else
void find_mapping_functions() {
    begin_mappings();
    next_mmap.get();
    next_munmap.get();
    next_mremap.get();
}
#endif

}  // namespace leakline::agent
