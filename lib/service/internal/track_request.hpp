// The body of POST /api/track: {"user_id": string | integer, "events": [object...]}. Parsing only; no state.
//
// The whole body has to be UTF-8 and JSON by JsonRules::strict, nested at most kMaxDepth deep, but no tree is built: events
// stay the text that was sent. Unknown members are allowed and ignored; of a repeated member the last one counts.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace leakline::service {

inline constexpr int kMaxDepth = 64;
inline constexpr std::size_t kMaxUserId = 256;   // bytes
inline constexpr std::size_t kMaxEvents = 1000;  // in one request

// Why a request is refused; becomes a 400.
class BadRequest : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

class TrackRequest {
  public:
    // body must outlive the object. Throws BadRequest with the reason, and the column where the body is not JSON.
    explicit TrackRequest(std::string_view body);

    // An integer is the same user as its decimal text.
    const std::string& user_id() const { return user_id_; }
    // Each event's JSON text, as sent.
    std::vector<std::string> events() const { return {events_.begin(), events_.end()}; }

  private:
    std::string user_id_;
    std::vector<std::string_view> events_;
};

}  // namespace leakline::service
