// POST /api/track: appends what came to the cache that leaks in one of its modes, and saves it.
// Thread-safe: what it works on locks for itself.
#pragma once

#include "base/quantities.hpp"
#include "http/server.hpp"
#include "service/event_cache.hpp"
#include "service/internal/event_store.hpp"

namespace leakline::service {

// Answers 200 once the events are saved (see Durability) and in the cache, 503 with the reason where they cannot be saved: then
// the cache has taken them back, and they were never shown. event_cache outlives event_store. Throws BadRequest before anything
// has changed.
void track_user_behavior(const http::ServerRequest& request, EventCache& event_cache, EventStore& event_store, Nanoseconds received,
                         const http::Responder& responder);

}  // namespace leakline::service
