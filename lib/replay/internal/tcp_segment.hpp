// TCP segments in captured packets. Pure functions over values, safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "replay/internal/packet_file.hpp"

namespace leakline::replay {

// An address and port. IPv4 as IPv6 has it: ::ffff:1.2.3.4.
struct TcpEndpoint {
    std::array<std::uint8_t, 16> address{};
    std::uint16_t port = 0;
    auto operator<=>(const TcpEndpoint&) const = default;
    std::string text() const;  // "1.2.3.4:80", "[::1]:80"
};

struct TcpSegment {
    TcpEndpoint from, to;
    std::uint32_t sequence = 0, acknowledged = 0;
    bool syn = false, ack = false, fin = false, rst = false;
    std::string_view payload;  // the captured part
    std::uint32_t size = 0;    // of the payload as it was sent
};

// Nothing for other packets: of other protocols, fragments, cut before the end of the TCP header.
std::optional<TcpSegment> tcp_segment_of(const Packet& packet);

}  // namespace leakline::replay
