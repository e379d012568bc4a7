// What the agent answers about Python's variables: it is written in the recorded process.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "heap/python_holders.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    leakline::PythonHolders found;
    leakline::heap::add_answer({reinterpret_cast<const char*>(data), size}, found);
    return 0;
}
