// Internal to the recording proxy: a client's HTTP/2 connection, and the connection to the target that its requests are forwarded over.
//
// Each stream of the client is a stream of the target; bodies go on piece by piece, trailers after them, so that gRPC's calls of
// any kind pass. Connections correspond one to one: where the target ends its own (GOAWAY), the client is told to open another.
//
// Thread-safety: one object, one thread; SessionState is shared with others.
#pragma once

#include "http/internal/proxy_shared.hpp"

namespace leakline::http {

// Whether the connection begins as HTTP/2's do. Waits for its first bytes.
bool begins_http2(int client);

// Serves the client until either side ends the connection, or state.cut is set and client is shut down. client: connected, and not
// read beyond what begins_http2() looked at; it stays the caller's. number: of the connection, for the observer.
void relay_http2(ProxyShared& shared, SessionState& state, int client, std::uint64_t number);

}  // namespace leakline::http
