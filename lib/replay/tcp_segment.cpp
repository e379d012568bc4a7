#include "replay/internal/tcp_segment.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "replay/internal/octets.hpp"

namespace leakline::replay {

namespace {

constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd, kVlan = 0x8100, kProviderVlan = 0x88a8;

// Removes the link's header; empty if no IP packet is in it. https://www.tcpdump.org/linktypes.html
std::string_view ip_packet_of(const Packet& packet) {
    constexpr std::uint16_t kNull = 0, kEthernet = 1, kRaw = 101, kLoop = 108, kLinuxCooked = 113, kIpv4Only = 228, kIpv6Only = 229,
                            kLinuxCooked2 = 276;
    std::string_view bytes = packet.bytes;
    std::size_t type_at = 0, header = 0;
    switch (packet.link_type) {
        case kRaw:
        case 12:  // what BSD systems write for it
        case 14:
        case kIpv4Only:
        case kIpv6Only: return bytes;
        case kNull:
        case kLoop: return bytes.size() < 4 ? std::string_view() : bytes.substr(4);
        case kEthernet: type_at = 12, header = 14; break;
        case kLinuxCooked: type_at = 14, header = 16; break;
        case kLinuxCooked2: type_at = 0, header = 20; break;
        default: return {};
    }
    if (bytes.size() < header) return {};
    std::uint16_t type = big16(bytes, type_at);
    bytes.remove_prefix(header);
    for (int tags = 0; (type == kVlan || type == kProviderVlan) && tags < 4 && bytes.size() >= 4; ++tags) {
        type = big16(bytes, 2);
        bytes.remove_prefix(4);
    }
    return type == kIpv4 || type == kIpv6 ? bytes : std::string_view();
}

bool read_tcp(std::string_view bytes, std::size_t sent_size, TcpSegment& segment) {
    constexpr std::size_t kHeader = 20;
    if (bytes.size() < kHeader) return false;
    const std::size_t header = std::size_t{octet(bytes, 12)} / 16 * 4;
    if (header < kHeader || header > bytes.size() || header > sent_size) return false;
    segment.from.port = big16(bytes, 0);
    segment.to.port = big16(bytes, 2);
    segment.sequence = big32(bytes, 4);
    segment.acknowledged = big32(bytes, 8);
    const std::uint8_t flags = octet(bytes, 13);
    segment.fin = (flags & 1) != 0;
    segment.syn = (flags & 2) != 0;
    segment.rst = (flags & 4) != 0;
    segment.ack = (flags & 16) != 0;
    segment.size = static_cast<std::uint32_t>(sent_size - header);
    segment.payload = bytes.substr(header, segment.size);
    return true;
}

constexpr std::uint8_t kTcp = 6;

bool read_ipv4(std::string_view bytes, TcpSegment& segment) {
    if (bytes.size() < 20) return false;
    const std::size_t header = std::size_t{octet(bytes, 0)} % 16 * 4;
    // Segments that the network card is still to cut have no size.
    const std::size_t total = big16(bytes, 2) == 0 ? bytes.size() : big16(bytes, 2);
    if (header < 20 || header > bytes.size() || total < header || octet(bytes, 9) != kTcp) return false;
    if ((big16(bytes, 6) & 0x3fff) != 0) return false;  // a fragment
    for (TcpEndpoint* const end : {&segment.from, &segment.to}) end->address[10] = end->address[11] = 0xff;
    for (std::size_t i = 0; i < 4; ++i) {
        segment.from.address[12 + i] = octet(bytes, 12 + i);
        segment.to.address[12 + i] = octet(bytes, 16 + i);
    }
    return read_tcp(bytes.substr(header, total - header), total - header, segment);
}

bool read_ipv6(std::string_view bytes, TcpSegment& segment) {
    constexpr std::size_t kHeader = 40;
    constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kDestination = 60;
    if (bytes.size() < kHeader) return false;
    const std::size_t announced = big16(bytes, 4);
    std::size_t size = announced == 0 ? bytes.size() - kHeader : announced;
    for (std::size_t i = 0; i < 16; ++i) {
        segment.from.address[i] = octet(bytes, 8 + i);
        segment.to.address[i] = octet(bytes, 24 + i);
    }
    std::uint8_t next = octet(bytes, 6);
    bytes.remove_prefix(kHeader);
    for (int headers = 0; (next == kHopByHop || next == kRouting || next == kDestination) && headers < 8; ++headers) {
        if (bytes.size() < 8) return false;
        const std::size_t length = (std::size_t{octet(bytes, 1)} + 1) * 8;
        if (length > bytes.size() || length > size) return false;
        next = octet(bytes, 0);
        bytes.remove_prefix(length);
        size -= length;
    }
    return next == kTcp && read_tcp(bytes.substr(0, size), size, segment);
}

}  // namespace

std::string TcpEndpoint::text() const {
    char text[INET6_ADDRSTRLEN] = "";
    const bool ipv4 =
        address[10] == 0xff && address[11] == 0xff && std::all_of(address.begin(), address.begin() + 10, [](auto b) { return b == 0; });
    ::inet_ntop(ipv4 ? AF_INET : AF_INET6, ipv4 ? address.data() + 12 : address.data(), text, sizeof text);
    return (ipv4 ? std::string(text) : "[" + std::string(text) + "]") + ":" + std::to_string(port);
}

std::optional<TcpSegment> tcp_segment_of(const Packet& packet) {
    const std::string_view bytes = ip_packet_of(packet);
    if (bytes.empty()) return std::nullopt;
    TcpSegment segment;
    const int version = octet(bytes, 0) / 16;
    if (version == 4 ? read_ipv4(bytes, segment) : version == 6 && read_ipv6(bytes, segment)) return segment;
    return std::nullopt;
}

}  // namespace leakline::replay
