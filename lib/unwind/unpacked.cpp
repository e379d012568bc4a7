#include <zlib.h>

#include <cstdint>
#include <cstring>

#include "unwind/embed.hpp"

namespace leakline::unwind {

std::string unpacked(std::string_view packed) {
    constexpr int kGzip = 16 + MAX_WBITS;
    std::uint32_t size = 0;  // the last four bytes, little-endian (RFC 1952)
    if (packed.size() < sizeof size) return {};
    std::memcpy(&size, packed.data() + packed.size() - sizeof size, sizeof size);
    std::string bytes(size, '\0');
    z_stream stream{};
    if (::inflateInit2(&stream, kGzip) != Z_OK) return {};
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
    stream.avail_out = size;
    const bool whole = ::inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0;
    ::inflateEnd(&stream);
    if (!whole) bytes.clear();
    return bytes;
}

}  // namespace leakline::unwind
