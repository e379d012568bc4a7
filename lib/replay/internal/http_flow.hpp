// The requests of a captured TCP connection: what the client sent, cut into HTTP/1 or HTTP/2 requests; with their responses, if wanted.
//
// Thread-safety: one object, one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "model/request.hpp"
#include "replay/internal/http2_reader.hpp"
#include "replay/internal/http_responses.hpp"
#include "replay/internal/tcp_stream.hpp"

namespace leakline::replay {

// What the flows of a capture have in common.
struct FlowResults {
    std::deque<Request> requests;       // whole, in the order of their ends
    std::deque<std::string> lost;       // why a request could not be read: segments are missing in the capture
    std::uint64_t cut = 0;              // requests whose connection, or the capture, ended within them
    std::uint64_t tls = 0, others = 0;  // connections that are not plain HTTP
};

enum class Responses : unsigned char { ignored, recorded };

class HttpFlow final : private TcpStream::Reader {
  public:
    // The connection of client; sequence: of its first byte, where the begin of the connection was captured. Responses are those of
    // HTTP/1; with them, requests come once they have been answered. results has to live as long as this object.
    HttpFlow(std::string name, std::optional<std::uint32_t> sequence, Responses responses, FlowResults& results);
    HttpFlow(const HttpFlow&) = delete;

    void add_of_client(const TcpSegment& segment, Nanoseconds at);
    void add_of_server(const TcpSegment& segment, Nanoseconds at);
    // The connection, or the capture, has ended.
    void finish();

    bool is_idle() const { return stream_.empty() && segments_.is_idle() && (!http2_ || http2_->is_idle()) && is_answered(); }
    // Nothing more comes from the client, and nothing more is expected from the server.
    bool has_ended() const { return segments_.has_ended() && is_answered(); }

    // A method and the blank after it.
    static bool begins_request(std::string_view bytes);

  private:
    static constexpr std::size_t kMaxHead = std::size_t{256} << 10;  // bytes
    static constexpr std::size_t kMaxBody = std::size_t{64} << 20;   // bytes
    bool is_answered() const { return !responses_ || responses_->is_idle(); }
    void take(std::string_view bytes, std::uint64_t size, Nanoseconds at) override;
    void skip() override;
    void lose(std::string reason);
    void give_up();
    void ignore();
    void begin_http2();
    void take_http2(std::string_view bytes, Nanoseconds at);
    void parse();
    bool parse_head();
    std::optional<std::size_t> end_of_body();
    void emit(std::size_t size);

    const std::string name_;
    FlowResults& results_;
    TcpStream segments_;                        // of the client
    std::unique_ptr<HttpResponses> responses_;  // unless they are ignored
    bool resync_ = false;                       // after a gap: until a segment begins a request

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
