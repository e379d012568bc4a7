// A reverse proxy that reports each request that passes through it. Bodies are streamed in both directions; a thread serves each client
// connection and keeps one connection to the target for it.
//
// Thread-safety: the observer is called from any of the proxy's threads, by one at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/quantities.hpp"
#include "http/connect_options.hpp"
#include "http/url.hpp"
#include "model/recorded_response.hpp"

namespace leakline::http {

struct ProxyOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  // 0: the system picks one
    Url target;
    std::size_t max_connections = 256;                  // further ones get a 503
    std::size_t max_kept_body = std::size_t{16} << 20;  // bytes; a larger request body is forwarded but not recorded
    // Bytes of all bodies in memory at a time; a body above it is forwarded but not recorded. A response with such a body is not
    // recorded at all.
    std::size_t body_budget = std::size_t{64} << 20;
    std::uint32_t max_header = 64 * 1024;
    Nanoseconds idle = std::chrono::seconds(60);  // without a byte in either direction, a connection is closed
    ConnectOptions connect;
    // Clients connect with TLS: the certificate with its intermediates, and its key, in PEM files (the first can have both). Empty: plain.
    std::string certificate_file, key_file;
    bool offer_http2 = false;     // to these clients (ALPN); the target must speak it then
    bool keep_responses = false;  // the responses are reported too; their bodies are bounded as those of requests
};

// A request, and how it was answered.
struct ProxiedRequest {
    Nanoseconds at{};  // when its head had come, since the Unix epoch
    std::string method, target;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;                          // chunks joined
    bool body_too_large = false;               // then body is empty
    bool body_over_budget = false;             // the same, because of other requests in progress
    int status = 0;                            // 0: the target gave no whole response
    bool body_cut = false;                     // the body is not whole: its client went away, or the target did not wait for it
    std::uint64_t connection = 0;              // of the client, from 1
    std::optional<RecordedResponse> response;  // where they are kept: whole, with the fields that came; connection fields included
};

struct ProxyCounts {
    std::uint64_t connections = 0, refused = 0, requests = 0;
    std::uint64_t failed = 0;             // answered 502 by us, or with an answer that was cut
    std::uint64_t not_http = 0;           // answered with 501 and not recorded: WebSocket, CONNECT
    std::uint64_t handshakes_failed = 0;  // of clients
    std::uint64_t exhausted = 0;          // ended by the proxy without memory or threads, most with a 503
};

class RecordingProxy {
  public:
    // Listens, so that the port is known. Throws Error{input}: no such address, the port is taken or not allowed;
    // Error{system}: the target's host has no address.
    RecordingProxy(ProxyOptions options, std::function<void(ProxiedRequest&&)> observe);
    ~RecordingProxy();  // stop()

    std::uint16_t port() const;
    void start();
    // Accepts no more connections, gives requests in progress at most grace to finish, then closes the rest.
    void stop(Nanoseconds grace = std::chrono::seconds(0));
    ProxyCounts counts() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace leakline::http
