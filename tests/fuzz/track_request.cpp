// Any bytes as the body of POST /api/track: refused, or read as events that stand in it.
#include <cstdint>
#include <string>
#include <string_view>

#include "require.hpp"
#include "service/internal/track_request.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leakline::service;
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    try {
        const TrackRequest request(body);
        leakline::fuzz::require(!request.user_id().empty() && request.user_id().size() <= kMaxUserId);
        std::size_t used = 0;
        for (const std::string& event : request.events()) {
            leakline::fuzz::require(event.starts_with('{') && event.ends_with('}') && body.find(event) != body.npos);
            used += event.size();
        }
        leakline::fuzz::require(used <= size && request.events().size() <= kMaxEvents);
    } catch (const BadRequest&) {
    }
    return 0;
}
