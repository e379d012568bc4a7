// What is read of a library in another process's memory, which may be damaged or change meanwhile: a memory of one file's mappings, whose
// bytes are the input.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "system/loaded_object.hpp"

using namespace leakline;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::uint64_t kBase = 0x7f0000000000;
    const std::uint64_t end = kBase + ((size + 0xfff) & ~std::uint64_t{0xfff});
    const auto read = [&](std::uint64_t address, void* to, std::size_t bytes) {
        if (address < kBase || address - kBase > size || bytes > size - (address - kBase)) return false;
        std::memcpy(to, data + (address - kBase), bytes);
        return true;
    };
    Mapping first, code;
    first.begin = kBase;
    first.end = code.end = end;
    first.readable = code.readable = code.executable = true;
    code.begin = kBase + ((size / 2) & ~std::uint64_t{0xfff});
    code.offset = code.begin - kBase;
    first.path = code.path = "/usr/lib/libc.so.6";
    const auto object = LoadedObject::find(read, {first, code}, "libc.so.6");
    if (!object) return 0;
    for (const char* name : {"mmap", "dlopen", "", "leakline_attach"}) object->address_of(name);
    const std::uint64_t at = object->find_code("\x0f\x05");
    if (at != 0 && (at < code.begin || at >= end)) std::abort();
    return 0;
}
