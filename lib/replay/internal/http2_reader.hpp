// The requests in what a client has sent over an HTTP/2 connection (RFC 9113): frames are cut here, nghttp2 decodes the headers (HPACK).
//
// Thread-safety: one object, one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/request.hpp"

struct nghttp2_hd_inflater;

namespace leakline::replay {

class Http2Reader {
  public:
    static constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    // connection: the name of the requests' connection.
    explicit Http2Reader(std::string connection);
    ~Http2Reader();

    // Takes the next bytes, those after the preface first, and appends the requests that are whole, in the order of their ends. The time of a
    // request is that of the bytes with its first frame. False: the rest cannot be read; the headers of each
    // request depend on those before it.
    bool take(std::string_view bytes, Nanoseconds at, std::deque<Request>& out);
    // Requests whose end has not come.
    std::uint64_t unfinished() const { return streams_.size(); }
    bool is_idle() const { return pending_.empty() && streams_.empty(); }

  private:
    static constexpr std::size_t kMaxHead = std::size_t{256} << 10;   // bytes of a request's header block, and of its fields
    static constexpr std::size_t kMaxBodies = std::size_t{64} << 20;  // bytes of all requests that have begun
    static constexpr std::size_t kMaxStreams = 10'000;

    struct Frame {
        std::uint8_t type = 0, flags = 0;
        std::uint32_t stream = 0;
        std::string_view payload;
    };
    bool take_frame(Frame frame, Nanoseconds at, std::deque<Request>& out);
    bool take_block(std::string_view block, bool ends_headers, Nanoseconds at, std::deque<Request>& out);
    bool decode(Request& request);
    void end(std::uint32_t stream, std::deque<Request>& out);

    const std::string connection_;
    const std::unique_ptr<nghttp2_hd_inflater, void (*)(nghttp2_hd_inflater*)> inflater_;
    std::string pending_;  // the begin of a frame
    std::unordered_map<std::uint32_t, Request> streams_;
    std::size_t body_bytes_ = 0;  // of streams_
    // The header block that is read, in several frames.
    std::string block_;
    std::uint32_t block_stream_ = 0;  // 0: none
    bool block_ends_stream_ = false;
};

}  // namespace leakline::replay
