#include "service/track_user_behavior.hpp"

#include "service/track_request.hpp"

namespace leakline::service {

// The line that appends is the one to find. Its arguments are passed by value, so the texts that the cache will own are
// copied right there: a recorder attributes their bytes to this line in every mode, and only in the leaky one they stay.
// (A record built in braces instead gets its copies, with GCC 12 -O2, the line of the closing brace below.)
void track_user_behavior(const http::ServerRequest& request, EventCache& event_cache, EventStore& event_store,
                         Nanoseconds received, const http::Responder& responder) {
    const TrackRequest data(request.body);
    const std::string& user_id = data.user_id();
    const std::vector<std::string> events = data.events();

    event_cache.append(user_id, events);

    process_and_save_events(event_store, user_id, events, received, responder);
}

void process_and_save_events(EventStore& event_store, const std::string& user_id,
                             const std::vector<std::string>& events, Nanoseconds received,
                             const http::Responder& responder) {
    event_store.save(user_id, events, received, [responder](const SaveResult& result) {
        if (!result.saved) {
            http::Response response = http::error_response(503, result.reason);
            response.headers.emplace_back("Retry-After", "1");
            responder.send(std::move(response));
            return;
        }
        http::Response response;
        response.body = "{\"status\":\"success\"}\n";
        responder.send(std::move(response));
    });
}

}  // namespace leakline::service
