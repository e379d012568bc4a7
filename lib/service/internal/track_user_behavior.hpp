// POST /api/track: appends the events to the cache, which leaks in one of its modes, and saves them.
// Thread-safe: cache and store lock internally.
#pragma once

#include "base/quantities.hpp"
#include "http/server.hpp"
#include "service/event_cache.hpp"
#include "service/internal/event_store.hpp"

namespace leakline::service {

// Answers 200 once the events are saved (see Durability) and in the cache, 503 with the reason if they cannot be saved: then
// they are removed from the cache and were never visible. event_cache outlives event_store. Throws BadRequest before anything
// has changed.
void track_user_behavior(const http::ServerRequest& request, EventCache& event_cache, EventStore& event_store, Nanoseconds received,
                         const http::Responder& responder);

}  // namespace leakline::service
