// The requests in one direction of a captured TCP connection: segments put into order, cut into HTTP/1 or HTTP/2 requests.
//
// Thread-safety: one object, one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "model/request.hpp"
#include "replay/internal/http2_reader.hpp"
#include "replay/internal/tcp_segment.hpp"

namespace leakline::replay {

// What the flows of a capture have in common.
struct FlowResults {
    std::deque<Request> requests;       // whole, in the order of their ends
    std::deque<std::string> lost;       // why a request could not be read: segments are missing in the capture
    std::uint64_t cut = 0;              // requests whose connection, or the capture, ended within them
    std::uint64_t tls = 0, others = 0;  // connections that are not plain HTTP
};

class HttpFlow {
  public:
    // The direction from client; sequence: of its first byte, where the begin of the connection was captured.
    HttpFlow(std::string name, std::optional<std::uint32_t> sequence);

    // A segment of the client.
    void add(const TcpSegment& segment, Nanoseconds at, FlowResults& results);
    // A segment of the server: it has received all before this sequence number.
    void acknowledge(std::uint32_t sequence, FlowResults& results);
    // The connection, or the capture, has ended.
    void finish(FlowResults& results);

    bool is_idle() const { return stream_.empty() && later_.empty() && (!http2_ || http2_->is_idle()); }
    bool has_ended() const { return ended_ && later_.empty(); }

    // A method and the blank after it.
    static bool begins_request(std::string_view bytes);

  private:
    static constexpr std::size_t kMaxLater = std::size_t{4} << 20;   // bytes that wait for a missing segment
    static constexpr std::size_t kMaxHead = std::size_t{256} << 10;  // bytes
    static constexpr std::size_t kMaxBody = std::size_t{64} << 20;   // bytes
    static constexpr int kPatience = 16;  // segments after the acknowledgment of one that has not come: the capture lacks it

    struct Piece {
        std::string bytes;
        std::uint64_t size = 0;  // as it was sent
        Nanoseconds at{};
    };
    std::uint64_t offset_of(std::uint32_t sequence) const;
    void append(std::string_view bytes, std::uint64_t size, Nanoseconds at, FlowResults& results);
    void take_later(FlowResults& results);
    void skip_gap(FlowResults& results);
    void lose(std::string reason, FlowResults& results);
    void give_up(FlowResults& results);
    void ignore();
    void begin_http2(FlowResults& results);
    void take_http2(std::string_view bytes, Nanoseconds at, FlowResults& results);
    void parse(FlowResults& results);
    bool parse_head();
    std::optional<std::size_t> end_of_body();
    std::optional<std::size_t> end_of_chunks();
    void emit(std::size_t size, FlowResults& results);

    const std::string name_;
    bool has_base_ = false, ignored_ = false, ended_ = false;
    bool resync_ = false;     // after a gap: until a segment begins a request
    std::uint64_t next_ = 0;  // offset of the byte that is expected
    std::uint64_t acknowledged_ = 0;
    int waited_ = 0;  // segments since the missing one was acknowledged
    std::map<std::uint64_t, Piece> later_;
    std::size_t later_bytes_ = 0;

    std::unique_ptr<Http2Reader> http2_;  // once the connection has begun with its preface

    // Of the request under way.
    std::string stream_;
    Nanoseconds began_{};
    std::size_t searched_ = 0, head_size_ = 0, chunk_at_ = 0;
    std::uint64_t length_ = 0;
    bool chunked_ = false, upgrades_ = false;
    std::size_t method_size_ = 0, target_size_ = 0;
};

}  // namespace leakline::replay
