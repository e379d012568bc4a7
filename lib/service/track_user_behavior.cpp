#include "service/internal/track_user_behavior.hpp"

#include "base/quantities.hpp"
#include "service/internal/track_request.hpp"

namespace leakline::service {

namespace {

void answer(const SaveResult& result, const http::Responder& responder) {
    http::Response response;
    if (result.saved) {
        response.body = "{\"status\":\"success\"}\n";
    } else {
        response = http::error_response(503, result.reason);
        response.headers.emplace_back("Retry-After", "1");
    }
    responder.send(std::move(response));
}

// Completes the record: kept once its events are saved, removed if they cannot be.
void process_and_save_events(const TrackRequest& data, const std::vector<std::string>& events, Nanoseconds received,
                             EventCache& event_cache, EventCache::Pending record, EventStore& event_store,
                             const http::Responder& responder) {
    try {
        event_store.save(data.user_id(), events, received, [&event_cache, record, responder](const SaveResult& result) {
            if (result.saved)
                event_cache.keep(record);
            else
                event_cache.take_back(record);
            answer(result, responder);
        });
    } catch (...) {
        event_cache.take_back(record);  // nothing is queued, and nothing was reported
        throw;
    }
}

}  // namespace

// The line that appends is the one to find. Its arguments are passed by value, so the texts that the cache will own are
// copied here: a recorder attributes their bytes to this line in every mode, and they remain only in the leaky one.
// (A record built in braces instead gets its copies, with GCC 12 -O2, the line of the closing brace below.)
void track_user_behavior(const http::ServerRequest& request, EventCache& event_cache, EventStore& event_store, Nanoseconds received,
                         const http::Responder& responder) {
    const TrackRequest data(request.body);
    const std::string& user_id = data.user_id();
    const std::vector<std::string> events = data.events();

    const EventCache::Pending record = event_cache.append(user_id, events);

    process_and_save_events(data, events, received, event_cache, record, event_store, responder);
}

}  // namespace leakline::service
