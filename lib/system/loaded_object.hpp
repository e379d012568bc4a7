// An ELF object that another process has loaded, read from its memory: its file may have been replaced since.
//
// Thread-safety: immutable; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "system/mappings.hpp"

namespace leakline {

// Exactly so many bytes of a process's memory; false where a part is not mapped or may not be accessed. Writing respects read-only pages.
bool read_memory(int pid, std::uint64_t address, void* to, std::size_t size);
bool write_memory(int pid, std::uint64_t address, const void* from, std::size_t size);

class LoadedObject {
  public:
    using ReadMemory = std::function<bool(std::uint64_t address, void* to, std::size_t size)>;

    // Of the mappings whose file has this name: "libc.so.6", or "memfd:name". Nothing if there are none, or if they hold no object of 64 bits
    // with dynamic symbols.
    static std::optional<LoadedObject> find(const ReadMemory& read, const std::vector<Mapping>& mappings, std::string_view name);

    // The function or variable that it exports; 0: none. All versions of a symbol are taken for one.
    std::uint64_t address_of(std::string_view symbol) const;
    // Where these bytes are in its code; 0: nowhere.
    std::uint64_t find_code(std::string_view bytes) const;

  private:
    struct Symbol {
        std::uint64_t name = 0;  // place in names_
        std::uint64_t address = 0;
    };
    bool read_symbols(const ReadMemory& read, std::uint64_t base);

    std::string code_;
    std::uint64_t code_begin_ = 0;
    std::string names_;  // each with a zero byte behind it
    std::vector<Symbol> symbols_;
};

// The name of a mapping's file, without its folders and " (deleted)".
std::string_view mapped_name(const Mapping& mapping);

}  // namespace leakline
