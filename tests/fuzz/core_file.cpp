// A core file in any bytes: its mappings are in order, what was read lies within them, and reading ends.
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "elf_bytes.hpp"
#include "holders/internal/blocks.hpp"
#include "holders/internal/core_file.hpp"
#include "require.hpp"
#include "system/descriptor.hpp"

namespace {

using namespace leakline;
using namespace leakline::holders;

using leakline::fuzz::require;

void read(const std::string& bytes) {
    const Descriptor file(::memfd_create("core", MFD_CLOEXEC));
    require(write_all(file.get(), bytes) == bytes.size());
    const std::string path = fmt::format("/proc/self/fd/{}", file.get());
    require(build_id_of(path).value_or("").size() <= bytes.size());
    MemoryImage image;
    try {
        image = read_core(path, {});
    } catch (const Error&) {
        return;
    }
    std::uint64_t before = 0;
    for (const Mapping& mapping : image.mappings) {
        require(mapping.begin >= before && mapping.begin < mapping.end);
        before = mapping.end;
    }
    Bytes kept = 0;
    for (const auto& region : image.regions) {
        std::uint64_t last = region.mapping.begin;
        for (const auto& run : region.runs) {
            require(run.begin >= last && run.begin < run.end && run.end <= region.mapping.end);
            last = run.end;
            kept += run.end - run.begin;
        }
    }
    require(kept == image.copied && kept <= bytes.size());
    require(image.thread_names.size() == image.threads.size());
    find_blocks(image);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    read(bytes);
    read(fuzz::with_elf_header(bytes, [](Elf64_Ehdr& header) { header.e_type = ET_CORE; }));
    return 0;
}
