// The responses in the other direction of a captured HTTP/1 connection, each given to its request: the oldest one without a response.
//
// Once that is not certain (segments are missing, the connection changes its protocol, a body is too large), requests get no more
// responses: one that is of another request would be worse than none.
//
// Thread-safety: one object, one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "model/recorded_response.hpp"
#include "model/request.hpp"
#include "replay/internal/tcp_stream.hpp"

namespace leakline::replay {

class HttpResponses final : private TcpStream::Reader {
  public:
    // done gets the requests, with their responses, in their order.
    explicit HttpResponses(std::deque<Request>& done) : done_(done), segments_(*this, std::nullopt) {}
    HttpResponses(const HttpResponses&) = delete;

    // A request that has come whole; its response may have come before, where the server did not wait for the body.
    void expect(Request&& request);
    // A segment of the server.
    void add(const TcpSegment& segment, Nanoseconds at) { segments_.add(segment, at); }
    void acknowledge(std::uint32_t sequence) { segments_.acknowledge(sequence); }
    // From here on, it is not known which response is of which request.
    void give_up();
    // The connection, or the capture, has ended.
    void finish();
    // No response is expected, or none can come.
    bool is_idle() const { return segments_.has_ended() || (waiting_.empty() && text_.empty() && segments_.is_idle()); }

  private:
    static constexpr std::size_t kMaxHead = std::size_t{256} << 10;  // bytes
    static constexpr std::size_t kMaxBody = std::size_t{16} << 20;   // bytes
    static constexpr std::size_t kMaxWaiting = 1000;                 // requests without a response, and responses without a request

    struct Response {
        RecordedResponse recorded;
        Nanoseconds end{};
    };
    void take(std::string_view bytes, std::uint64_t size, Nanoseconds at) override;
    void skip() override { give_up(); }
    void parse();
    bool parse_head();
    std::optional<std::size_t> end_of_body();
    void end_response(std::size_t size);
    void match();

    std::deque<Request>& done_;
    TcpStream segments_;
    std::deque<Request> waiting_;
    std::deque<Response> early_;  // whose requests have not come whole
    Nanoseconds last_{};          // when the last bytes came

    // Of the response under way.
    std::string text_;
    RecordedResponse response_;
    std::size_t head_size_ = 0;            // 0: its head is not whole
    std::size_t chunk_at_ = 0;             // the last chunk that has begun
    std::optional<std::uint64_t> length_;  // of its body; nothing: chunked, or until the connection ends
    bool chunked_ = false;
};

}  // namespace leakline::replay
