// Any bytes as an executable: what is read from it is within bounds, whatever its headers, sections and symbols contain.
#include <fmt/format.h>
#include <sys/mman.h>

#include <cstdint>
#include <string>

#include "elf_bytes.hpp"
#include "heap/elf_file.hpp"
#include "require.hpp"
#include "system/descriptor.hpp"

namespace {

using namespace leakline;

using leakline::fuzz::require;

void read(const std::string& bytes) {
    const Descriptor file(::memfd_create("elf", MFD_CLOEXEC));
    require(write_all(file.get(), bytes) == bytes.size());
    const heap::ElfFile elf = heap::read_elf(fmt::format("/proc/self/fd/{}", file.get()));
    require(elf.is_elf || !elf.this_machine);
    require(elf.interpreter.size() + elf.build_id.size() / 2 <= bytes.size());
    require(elf.build_id.find_first_not_of("0123456789abcdef") == std::string::npos);
    require(!elf.call_frames || *elf.call_frames >= 0);
    const agent::OwnAllocator own = heap::read_own_allocator(fmt::format("/proc/self/fd/{}", file.get()));
    require(own.count <= agent::OwnAllocator::kMost);
    for (unsigned i = 0; i < own.count; ++i)
        require(own.functions[i].file_offset <= bytes.size() && own.functions[i].size <= bytes.size() - own.functions[i].file_offset &&
                own.functions[i].moved >= 5 && own.functions[i].moved <= own.functions[i].size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    read(bytes);
    read(fuzz::with_elf_header(bytes, [&](Elf64_Ehdr& header) {
        header.e_shoff %= bytes.size();
        header.e_shentsize = sizeof(Elf64_Shdr);
        header.e_shnum = static_cast<std::uint16_t>(header.e_shnum % 64);
        header.e_shstrndx = static_cast<std::uint16_t>(header.e_shstrndx % 64);
    }));
    return 0;
}
