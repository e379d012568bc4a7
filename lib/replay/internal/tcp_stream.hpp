// One direction of a captured TCP connection: segments put into order.
//
// Thread-safety: one object, one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/quantities.hpp"
#include "replay/internal/tcp_segment.hpp"

namespace leakline::replay {

class TcpStream {
  public:
    // Gets the bytes of the stream in their order. It may close the stream.
    class Reader {
      public:
        // size: as it was sent; a capture may have fewer bytes of each packet.
        virtual void take(std::string_view bytes, std::uint64_t size, Nanoseconds at) = 0;
        // What comes next is not in the capture.
        virtual void skip() = 0;

      protected:
        ~Reader() = default;
    };

    // sequence: of the first byte, where the begin of the connection was captured. reader has to live as long as the stream is used.
    TcpStream(Reader& reader, std::optional<std::uint32_t> sequence);

    void add(const TcpSegment& segment, Nanoseconds at);
    // The other end has received all before this sequence number.
    void acknowledge(std::uint32_t sequence);
    // The connection, or the capture, has ended: hands over what waits for missing segments.
    void finish();
    // Takes nothing more.
    void close();

    bool is_closed() const { return closed_; }
    bool is_idle() const { return later_.empty(); }
    bool has_ended() const { return ended_ && later_.empty(); }

  private:
    static constexpr std::size_t kMaxLater = std::size_t{4} << 20;  // bytes that wait for a missing segment
    static constexpr int kPatience = 16;  // segments after the acknowledgment of one that has not come: the capture lacks it

    struct Piece {
        std::string bytes;
        std::uint64_t size = 0;  // as it was sent
        Nanoseconds at{};
    };
    void begin_at(std::uint32_t sequence);
    std::uint64_t offset_of(std::uint32_t sequence) const;
    void append(std::string_view bytes, std::uint64_t size, Nanoseconds at);
    void take_later();
    void skip_gap();

    Reader& reader_;
    bool has_base_ = false, closed_ = false, ended_ = false;
    std::uint64_t next_ = 0;  // offset of the byte that is expected
    std::uint64_t acknowledged_ = 0;
    int waited_ = 0;  // segments since the missing one was acknowledged
    std::map<std::uint64_t, Piece> later_;
    std::size_t later_bytes_ = 0;
};

}  // namespace leakline::replay
