// POST /api/track: it saves what came, and fills the cache that leaks in one of its modes.
// Thread-safe: what it works on locks for itself.
#pragma once

#include "http/server.hpp"
#include "service/event_cache.hpp"
#include "service/event_store.hpp"

namespace leakline::service {

// Answers 200 once the events are saved (see Durability) and in the cache, 503 with the reason where they cannot be. event_cache
// outlives event_store. Throws BadRequest before anything has changed.
void process_and_save_events(const http::ServerRequest& request, EventCache& event_cache, EventStore& event_store,
                             Nanoseconds received, const http::Responder& responder);

// The second half of it, for events that are saved.
void track_user_behavior(EventCache& event_cache, const std::string& user_id, const std::vector<std::string>& events,
                         const http::Responder& responder);

}  // namespace leakline::service
