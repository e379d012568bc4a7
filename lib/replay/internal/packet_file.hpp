// Packets of a capture file: pcap (tcpdump -w; microseconds or nanoseconds, either byte order) and pcapng (Wireshark).
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantities.hpp"
#include "system/chunk_buffer.hpp"

namespace leakline::replay {

bool looks_like_packets(std::string_view prefix);

struct Packet {
    Nanoseconds at{};             // since the Unix epoch
    std::uint16_t link_type = 0;  // LINKTYPE_ of tcpdump.org
    std::string_view bytes;       // the captured part; valid until the next call
};

class PacketFile {
  public:
    enum class Step { packet, damaged, end };

    // damaged: reason() says why; the rest of the file cannot be read.
    Step next(ChunkBuffer& chunks, Packet& packet);
    const std::string& reason() const { return reason_; }

  private:
    struct Interface {
        std::uint16_t link_type = 0;
        std::uint64_t ticks_per_second = 1'000'000;
        std::int64_t offset_s = 0;
    };
    enum class Format { unknown, pcap, pcapng };

    Step damaged(std::string reason);
    Step begin(ChunkBuffer& chunks);
    Step next_of_pcap(ChunkBuffer& chunks, Packet& packet);
    Step next_of_pcapng(ChunkBuffer& chunks, Packet& packet);
    bool read_interface(std::string_view body);
    bool read_enhanced(std::string_view body, Packet& packet) const;
    std::uint16_t u16(std::string_view bytes, std::size_t at) const;
    std::uint32_t u32(std::string_view bytes, std::size_t at) const;
    static Nanoseconds time_of(std::uint64_t ticks, const Interface& interface);

    Format format_ = Format::unknown;
    bool swapped_ = false;  // the file's byte order is big endian
    std::vector<Interface> interfaces_;
    std::size_t consumed_ = 0;  // of the packet last returned
    std::string reason_;
};

}  // namespace leakline::replay
