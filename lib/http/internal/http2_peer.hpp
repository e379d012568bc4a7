// Internal to the recording proxy: one end of an HTTP/2 connection, as messages in place of frames. Does no input or output of its own.
//
// Flow control: what is received counts as taken once the owner says so (consume()), so that a slow reader at one end of the proxy slows
// the sender at the other, and the proxy holds at most kConnectionWindow bytes for each connection.
//
// Thread-safety: one object, one thread.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leakline::http {

using Http2Fields = std::vector<std::pair<std::string, std::string>>;  // pseudo-header fields first

// A body on its way to a peer, and the trailers after it.
struct Http2Body {
    std::string bytes;  // that came and are not sent
    std::size_t sent = 0;
    bool ended = false;  // no more come
    Http2Fields trailers;
};

class Http2Peer {
  public:
    class Listener {
      public:
        virtual ~Listener() = default;
        // All header fields of a request or of a response (also of an interim one) were received, or all trailers.
        virtual void on_fields(Http2Peer& peer, std::int32_t stream, Http2Fields&& fields, bool ends) = 0;
        virtual void on_body(Http2Peer& peer, std::int32_t stream, std::string_view bytes) = 0;
        // The peer has ended its message.
        virtual void on_end(Http2Peer& peer, std::int32_t stream) = 0;
        virtual void on_closed(Http2Peer& peer, std::int32_t stream, std::uint32_t code) = 0;
        // The peer accepts no new streams.
        virtual void on_goaway(Http2Peer& peer) = 0;
        // The body to send on the stream; null at its end.
        virtual Http2Body* body_of(Http2Peer& peer, std::int32_t stream) = 0;
        // size bytes of the body were put into frames.
        virtual void on_sent(Http2Peer& peer, std::int32_t stream, std::size_t size) = 0;
    };
    // What the other end is.
    enum class Role { client, server };

    // listener outlives this. Its calls come from take() and frames(), in which the methods below may be called. max_header: bytes of a head.
    Http2Peer(Role role, Listener& listener, std::size_t max_header);
    ~Http2Peer();
    Http2Peer(const Http2Peer&) = delete;
    Http2Peer& operator=(const Http2Peer&) = delete;

    // Bytes that have come. False: the connection cannot go on; error() says why, and frames() may have a last one.
    bool take(std::string_view bytes);
    // Appends frames to send, until there are no more for now or enough. False: as above.
    bool frames(std::string& out);
    const std::string& error() const { return error_; }
    // Nothing more comes or goes.
    bool is_over() const;

    // To a server. 0: there are no more stream numbers. has_body: body_of() has it.
    std::int32_t request(const Http2Fields& fields, bool has_body);
    // To a client.
    void respond(std::int32_t stream, const Http2Fields& fields, bool has_body);
    void respond_in_between(std::int32_t stream, const Http2Fields& fields);  // 1xx
    void go_away();                                                           // no new streams; those there are go on

    void resume(std::int32_t stream);  // body_of() has more
    void consume(std::int32_t stream, std::size_t size);
    void reset(std::int32_t stream, std::uint32_t code);

  private:
    struct Callbacks;

    const Role role_;
    Listener& listener_;
    const std::size_t max_header_;
    nghttp2_session* session_ = nullptr;
    std::string error_;
    // The head that comes.
    std::int32_t stream_ = 0;
    Http2Fields fields_;
    std::size_t fields_size_ = 0;
};

}  // namespace leakline::http
