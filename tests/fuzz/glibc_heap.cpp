// What malloc of another process holds, in any bytes, as its memory may be while it goes on: of this process, at two places that its
// mappings say are libc's data and the heap.
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "main_arena.hpp"
#include "memory/glibc_heap.hpp"
#include "require.hpp"
#include "system/temporary_directory.hpp"

namespace {

using namespace leakline;
using namespace leakline::fuzz;

constexpr std::uint64_t kLibrary = 0x11000000, kHeap = 0x12000000, kHeapSize = 0x4000;

void map_at(std::uint64_t address, std::size_t size) {
    void* const wanted = reinterpret_cast<void*>(address);
    require(::mmap(wanted, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == wanted);
}

// The folder in place of /proc.
const std::string& made_up_proc() {
    static const TemporaryDirectory directory;
    static const bool made = [] {
        map_at(kLibrary, kLibrarySize);
        map_at(kHeap, kHeapSize);
        const std::string folder = fmt::format("{}/{}", directory.path(), ::getpid());
        std::filesystem::create_directory(folder);
        std::ofstream(folder + "/maps") << fmt::format("{:x}-{:x} rw-p 00000000 08:01 7    /lib/libc.so.6\n", kLibrary,
                                                       kLibrary + kLibrarySize)
                                        << fmt::format("{:x}-{:x} rw-p 00000000 00:00 0    [heap]\n", kHeap, kHeap + kHeapSize);
        return true;
    }();
    require(made);
    return directory.path();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    SystemRoots roots;
    roots.proc = made_up_proc();
    const auto put = [](std::uint64_t address, std::uint64_t value) {
        std::memcpy(reinterpret_cast<void*>(address), &value, sizeof value);
    };
    std::memset(reinterpret_cast<void*>(kLibrary), 0, kLibrarySize);
    std::memset(reinterpret_cast<void*>(kHeap), 0, kHeapSize);
    std::memcpy(reinterpret_cast<void*>(kHeap), data, std::min<std::size_t>(size, kHeapSize));
    put_main_arena(put, kLibrary, kHeap, kHeapSize, {reinterpret_cast<const char*>(data), size});
    // Bins that hold chunks, and malloc's parameters, where nothing else is.
    constexpr std::uint64_t kBins = kLibrary + kBinsAt, kParameters = kLibrary + 0x1000;
    std::uint64_t links[8] = {};
    std::memcpy(links, data, std::min(size, sizeof links));
    for (std::uint64_t bin = 0; bin < 8; ++bin)
        if (links[bin] % 4 == 3)
            for (const std::uint64_t word : {0u, 8u}) put(kBins + 16 * bin + word, kHeap + links[bin] % kHeapSize / 16 * 16);
    put(kParameters + 8, 0x20000);
    put(kParameters + 24, 8);
    put(kParameters + 64, 65536);
    memory::GlibcHeap heap(::getpid(), roots);
    for (int readings = 0; readings < 2; ++readings)
        if (const auto figures = heap.read()) require(figures->used <= kHeapSize && figures->retained <= kHeapSize);
    return 0;
}
