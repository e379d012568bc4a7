// Any bytes as a loaded object: for every address there is a rule or none, and only the object is read. The first four bytes
// choose the address, from the object's beginning; the object begins behind them.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "unwind/internal/call_frame_info.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leakline::unwind;
    std::uint32_t offset = 0;
    if (size <= sizeof offset) return 0;
    std::memcpy(&offset, data, sizeof offset);
    const std::vector<std::uint8_t> object(data + sizeof offset, data + size);  // a block of its own: a read past it is seen
    const std::uint8_t* const begin = object.data();
    const FrameRule rule = find_rule({begin, begin + object.size(), begin}, reinterpret_cast<std::uintptr_t>(begin) + offset);
    if (FrameRule::unpacked(rule.packed()) != rule) std::abort();
    return 0;
}
