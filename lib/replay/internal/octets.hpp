// Numbers in the bytes of packets. Pure; the caller has checked the size.
#pragma once

#include <cstdint>
#include <string_view>

namespace leakline::replay {

inline std::uint8_t octet(std::string_view bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }
inline std::uint16_t big16(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(octet(bytes, at) << 8 | octet(bytes, at + 1));
}
inline std::uint16_t little16(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(octet(bytes, at + 1) << 8 | octet(bytes, at));
}
inline std::uint32_t big32(std::string_view bytes, std::size_t at) { return std::uint32_t{big16(bytes, at)} << 16 | big16(bytes, at + 2); }
inline std::uint32_t little32(std::string_view bytes, std::size_t at) {
    return std::uint32_t{little16(bytes, at + 2)} << 16 | little16(bytes, at);
}

}  // namespace leakline::replay
