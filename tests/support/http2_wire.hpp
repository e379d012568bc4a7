// HTTP/2 frames written by hand, for test servers that misbehave.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "support/loopback_server.hpp"

namespace leakline::test {

struct Frame {
    enum Type : std::uint8_t {
        data = 0,
        headers = 1,
        rst_stream = 3,
        settings = 4,
        ping = 6,
        goaway = 7,
        window_update = 8,
        continuation = 9
    };
    static constexpr std::uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4;

    std::uint8_t type = data, flags = 0;
    std::uint32_t stream = 0;
    std::string payload;

    bool ends_stream() const { return type <= headers && (flags & kEndStream) != 0; }
    std::string bytes() const {
        const auto size = static_cast<std::uint32_t>(payload.size());
        std::string out;
        for (const int shift : {16, 8, 0}) out += static_cast<char>(size >> shift);
        out += static_cast<char>(type);
        out += static_cast<char>(flags);
        return out + number(stream) + payload;
    }
    static std::string number(std::uint32_t value) {
        std::string out;
        for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift);
        return out;
    }
};

// HPACK: ":status: 200", and a field that is not indexed; both shorter than 127 bytes.
inline const std::string kStatus200 = "\x88";
inline std::string field(const std::string& name, const std::string& value) {
    return std::string(1, '\0') + static_cast<char>(name.size()) + name + static_cast<char>(value.size()) + value;
}

class Http2Wire {
  public:
    explicit Http2Wire(Wire& wire) : wire_(wire) {}

    // False at the end of the connection.
    bool read_preface() { return wire_.read(24) == "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; }
    bool read(Frame& frame) {
        const std::string head = wire_.read(9);
        if (head.empty()) return false;
        const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(head[i])); };
        frame = {static_cast<std::uint8_t>(head[3]),
                 static_cast<std::uint8_t>(head[4]),
                 byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8),
                 {}};
        const std::uint32_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
        if (size > 0) frame.payload = wire_.read(size);
        return size == 0 || !frame.payload.empty();
    }
    // The next stream whose request is whole; 0 at the end of the connection.
    std::uint32_t read_request() {
        for (Frame frame; read(frame);)
            if (frame.ends_stream()) return frame.stream;
        return 0;
    }
    void write(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, const std::string& payload = {}) {
        wire_.write(Frame{type, flags, stream, payload}.bytes());
    }
    // entries: pairs of identifier and value.
    void settings(const std::vector<std::pair<int, std::uint32_t>>& entries = {}) {
        std::string payload;
        for (const auto& [id, value] : entries) payload += std::string(1, '\0') + static_cast<char>(id) + Frame::number(value);
        write(Frame::settings, 0, 0, payload);
    }
    void respond(std::uint32_t stream) { write(Frame::headers, Frame::kEndHeaders | Frame::kEndStream, stream, kStatus200); }
    void reset(std::uint32_t stream, std::uint32_t code) { write(Frame::rst_stream, 0, stream, Frame::number(code)); }
    void goaway(std::uint32_t last_stream, std::uint32_t code = 0) {
        write(Frame::goaway, 0, 0, Frame::number(last_stream) + Frame::number(code));
    }
    Wire& wire() { return wire_; }

  private:
    Wire& wire_;
};

// A server that reads the preface and sends its SETTINGS, then calls the handler.
class Http2Server {
  public:
    using Handler = std::function<void(Http2Wire&)>;
    explicit Http2Server(Handler handler, std::initializer_list<std::pair<int, std::uint32_t>> settings = {})
        : settings_(settings), server_([this, handler = std::move(handler)](Wire& wire) {
              Http2Wire http2(wire);
              if (!http2.read_preface()) return;
              http2.settings(settings_);
              handler(http2);
          }) {}
    std::string url() const { return server_.url(); }
    std::uint64_t connections() const { return server_.connections(); }

  private:
    const std::vector<std::pair<int, std::uint32_t>> settings_;
    LoopbackServer server_;
};

}  // namespace leakline::test
