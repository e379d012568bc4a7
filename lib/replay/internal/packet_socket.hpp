// Packets of a network interface as they pass, through a packet socket of Linux (packet(7)) with a ring that the kernel fills
// (TPACKET_V3). Needs CAP_NET_RAW. libpcap would do the same, and would be one more library that every installation needs.
//
// Thread-safety: one object, one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/quantities.hpp"
#include "replay/internal/packet_file.hpp"
#include "system/descriptor.hpp"

namespace leakline::replay {

class PacketSocket {
  public:
    static constexpr std::size_t kMaxPorts = 16;

    // The TCP packets from and to these ports, 1 to kMaxPorts, on the interface; "any": on all of them. Throws Error{input}: there is no
    // such interface, or it is down; Error{system}: the process may not capture, or there is no memory.
    PacketSocket(const std::string& interface, std::span<const std::uint16_t> ports);
    ~PacketSocket();
    PacketSocket(const PacketSocket&) = delete;
    PacketSocket& operator=(const PacketSocket&) = delete;

    // Waits for packets, at most this long, and passes on those that have come, as IP packets (LINKTYPE_RAW). A packet is
    // here kDelay after it passed, at the latest. Throws Error{system} where the interface goes away.
    static constexpr Nanoseconds kDelay = std::chrono::milliseconds(50);
    void read(Nanoseconds wait, const std::function<void(const Packet&)>& use);
    // Packets that the kernel had no place for, up to now.
    std::uint64_t dropped();

  private:
    void filter(std::span<const std::uint16_t> ports);
    void map_ring();
    void bind(int interface);

    const std::string interface_;
    Descriptor socket_;
    char* ring_ = nullptr;
    std::size_t blocks_ = 0, next_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace leakline::replay
