// Any bytes as the name of a Rust function: comes back readable or as it is, and never long.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "heap/internal/rust_symbol.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view name(reinterpret_cast<const char*>(data), size);
    if (leakline::heap::readable_rust_name(name).size() > name.size() + 4096) std::abort();
    return 0;
}
