// Bytes as an ELF file. Pure.
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <string>

namespace leakline::fuzz {

// Most inputs are no ELF file: returns the bytes with a valid header for this machine, and at most 15 program headers directly behind it.
// set(header) sets its other fields.
template <typename Set>
std::string with_elf_header(std::string bytes, Set set) {
    Elf64_Ehdr header{};
    if (bytes.size() < sizeof header) return bytes;
    std::memcpy(&header, bytes.data(), sizeof header);
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
#if defined(__aarch64__)
    header.e_machine = EM_AARCH64;
#else
    header.e_machine = EM_X86_64;
#endif
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<std::uint16_t>(header.e_phnum % 16);
    set(header);
    std::memcpy(bytes.data(), &header, sizeof header);
    return bytes;
}

}  // namespace leakline::fuzz
