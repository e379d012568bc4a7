#include "replay/internal/packet_file.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "replay/internal/octets.hpp"

namespace leakline::replay {

namespace {

constexpr std::size_t kMaxPacket = std::size_t{16} << 20;  // bytes; of snaplen 0 (all), tcpdump's own limit is 256 KiB
constexpr std::size_t kMaxInterfaces = 4096;

constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4, kNanoseconds = 0xa1b23c4d, kSection = 0x0a0d0d0a, kByteOrder = 0x1a2b3c4d;

bool is_pcap(std::uint32_t magic) { return magic == kMicroseconds || magic == kNanoseconds; }

bool need(ChunkBuffer& chunks, std::size_t size) { return chunks.peek(size).size() >= size; }

}  // namespace

bool looks_like_packets(std::string_view prefix) {
    if (prefix.size() < 4) return false;
    return is_pcap(little32(prefix, 0)) || is_pcap(big32(prefix, 0)) || little32(prefix, 0) == kSection;
}

std::uint16_t PacketFile::u16(std::string_view bytes, std::size_t at) const { return swapped_ ? big16(bytes, at) : little16(bytes, at); }

std::uint32_t PacketFile::u32(std::string_view bytes, std::size_t at) const { return swapped_ ? big32(bytes, at) : little32(bytes, at); }

PacketFile::Step PacketFile::damaged(std::string reason) {
    reason_ = std::move(reason);
    return Step::damaged;
}

PacketFile::Step PacketFile::next(ChunkBuffer& chunks, Packet& packet) {
    if (!reason_.empty()) return Step::end;
    chunks.consume(std::exchange(consumed_, 0));
    if (format_ == Format::unknown)
        if (const Step step = begin(chunks); step != Step::packet) return step;
    return format_ == Format::pcap ? next_of_pcap(chunks, packet) : next_of_pcapng(chunks, packet);
}

PacketFile::Step PacketFile::begin(ChunkBuffer& chunks) {
    if (!need(chunks, 4)) return damaged("not a capture file");
    if (little32(chunks.window(), 0) == kSection) {
        format_ = Format::pcapng;
        return Step::packet;
    }
    swapped_ = is_pcap(big32(chunks.window(), 0));
    const std::uint32_t magic = u32(chunks.window(), 0);
    if (!is_pcap(magic)) return damaged("not a capture file");
    if (!need(chunks, 24)) return damaged("the file ends within its header");
    format_ = Format::pcap;
    interfaces_.push_back(
        {static_cast<std::uint16_t>(u32(chunks.window(), 20) & 0xffff), magic == kNanoseconds ? 1'000'000'000u : 1'000'000u, 0});
    chunks.consume(24);
    return Step::packet;
}

// A record: seconds, fraction, captured size, size on the wire; then the bytes.
PacketFile::Step PacketFile::next_of_pcap(ChunkBuffer& chunks, Packet& packet) {
    if (!need(chunks, 16)) return chunks.window().empty() ? Step::end : damaged("the file ends within a packet");
    const std::uint32_t seconds = u32(chunks.window(), 0), fraction = u32(chunks.window(), 4), size = u32(chunks.window(), 8);
    if (size > kMaxPacket) return damaged("a packet of more than 16 MiB");
    if (!need(chunks, 16 + std::size_t{size})) return damaged("the file ends within a packet");
    const Interface& interface = interfaces_.front();
    packet.at = std::chrono::seconds(seconds) + time_of(fraction, interface);
    packet.link_type = interface.link_type;
    packet.bytes = chunks.window().substr(16, size);
    consumed_ = 16 + size;
    return Step::packet;
}

Nanoseconds PacketFile::time_of(std::uint64_t ticks, const Interface& interface) {
    const std::uint64_t seconds = ticks / interface.ticks_per_second, rest = ticks % interface.ticks_per_second;
    if (seconds > 6'000'000'000u) return {};  // the year 2160: not a time, and 64 bits of nanoseconds end in 2262
    const double fraction = static_cast<double>(rest) / static_cast<double>(interface.ticks_per_second) * 1e9;
    return std::chrono::seconds(static_cast<std::int64_t>(seconds) + interface.offset_s) +
           Nanoseconds(interface.ticks_per_second <= 1'000'000'000u && 1'000'000'000u % interface.ticks_per_second == 0
                           ? static_cast<std::int64_t>(rest * (1'000'000'000u / interface.ticks_per_second))
                           : static_cast<std::int64_t>(fraction));
}

// A block: type, size, body, size again.
PacketFile::Step PacketFile::next_of_pcapng(ChunkBuffer& chunks, Packet& packet) {
    constexpr std::uint32_t kInterface = 1, kEnhanced = 6;
    for (;;) {
        if (!need(chunks, 12)) return chunks.window().empty() ? Step::end : damaged("the file ends within a block");
        const bool section = little32(chunks.window(), 0) == kSection;
        if (section) {
            swapped_ = big32(chunks.window(), 8) == kByteOrder;
            if (u32(chunks.window(), 8) != kByteOrder) return damaged("a section without a byte order");
            interfaces_.clear();
        }
        const std::uint32_t type = u32(chunks.window(), 0), size = u32(chunks.window(), 4);
        if (size < 12 || size % 4 != 0 || size > kMaxPacket) return damaged("a block with a size of " + std::to_string(size));
        if (!need(chunks, size)) return damaged("the file ends within a block");
        const std::string_view body = chunks.window().substr(8, size - 12);
        if (type == kInterface && !read_interface(body)) return damaged("an interface that is not described");
        if (type == kEnhanced) {
            if (!read_enhanced(body, packet)) return damaged("a packet that is larger than its block, or of no interface");
            consumed_ = size;
            return Step::packet;
        }
        chunks.consume(size);
    }
}

// Link type, reserved, snapshot length; options: code, size, value padded to four bytes.
bool PacketFile::read_interface(std::string_view body) {
    constexpr std::uint16_t kResolution = 9, kOffset = 14;
    if (body.size() < 8 || interfaces_.size() == kMaxInterfaces) return false;
    Interface interface;
    interface.link_type = u16(body, 0);
    std::string_view options = body.substr(8);
    while (options.size() >= 4) {
        const std::uint16_t code = u16(options, 0), size = u16(options, 2);
        const std::size_t padded = (std::size_t{size} + 3) / 4 * 4;
        if (code == 0 || options.size() < 4 + padded) break;
        if (code == kResolution && size == 1) {
            const std::uint8_t value = octet(options, 4), exponent = value & 0x7f;
            if (((value & 0x80) != 0 && exponent > 62) || ((value & 0x80) == 0 && exponent > 18)) return false;
            interface.ticks_per_second = 1;
            if ((value & 0x80) != 0)
                interface.ticks_per_second <<= exponent;
            else
                for (int i = 0; i < exponent; ++i) interface.ticks_per_second *= 10;
        } else if (code == kOffset && size == 8) {
            interface.offset_s = static_cast<std::int32_t>(u32(options, swapped_ ? 8 : 4));  // the low word is enough
        }
        options.remove_prefix(4 + padded);
    }
    interfaces_.push_back(interface);
    return true;
}

// Interface, time (high, low), captured size, size on the wire, bytes.
bool PacketFile::read_enhanced(std::string_view body, Packet& packet) const {
    if (body.size() < 20) return false;
    const std::uint32_t interface = u32(body, 0), size = u32(body, 12);
    if (interface >= interfaces_.size() || size > body.size() - 20) return false;
    packet.at = time_of(std::uint64_t{u32(body, 4)} << 32 | u32(body, 8), interfaces_[interface]);
    packet.link_type = interfaces_[interface].link_type;
    packet.bytes = body.substr(20, size);
    return true;
}

}  // namespace leakline::replay
