// The dynamic symbols of a loaded object, read without the loader and its lock.
#pragma once

#include <elf.h>
#include <link.h>
#include <string.h>

#include <cstddef>
#include <cstdint>

namespace leakline::agent {

struct SymbolTable {
    const ElfW(Sym) * symbols = nullptr;
    const char* strings = nullptr;
    const std::uint32_t* hash = nullptr;  // DT_GNU_HASH

    // An entry of the object's dynamic section, in which glibc has made the addresses absolute.
    void take(const ElfW(Dyn) & entry) {
        switch (const ElfW(Addr) value = entry.d_un.d_ptr; entry.d_tag) {
            case DT_SYMTAB: symbols = reinterpret_cast<const ElfW(Sym)*>(value); break;
            case DT_STRTAB: strings = reinterpret_cast<const char*>(value); break;
            case DT_GNU_HASH: hash = reinterpret_cast<const std::uint32_t*>(value); break;
            default: break;
        }
    }

    // What the object defines under a name, by its hash table (as GNU ld and lld write it); null: nothing, or it has no such table.
    const ElfW(Sym) * find(const char* name) const {
        if (hash == nullptr) return nullptr;
        std::uint32_t wanted = 5381;
        for (const char* c = name; *c != '\0'; ++c) wanted = wanted * 33 + static_cast<unsigned char>(*c);
        const std::uint32_t bucket_count = hash[0], first = hash[1], filter_words = hash[2];
        if (bucket_count == 0) return nullptr;
        const std::uint32_t* const buckets = hash + 4 + std::size_t{filter_words} * 2;
        const std::uint32_t* const chains = buckets + bucket_count;
        for (std::uint32_t i = buckets[wanted % bucket_count]; i >= first && i != 0; ++i) {
            const std::uint32_t found = chains[i - first];
            const ElfW(Sym)& symbol = symbols[i];
            if ((found | 1) == (wanted | 1) && symbol.st_shndx != SHN_UNDEF && strcmp(strings + symbol.st_name, name) == 0) return &symbol;
            if ((found & 1) != 0) break;
        }
        return nullptr;
    }
};

}  // namespace leakline::agent
