// A server that answers with the recorded responses of a log: in place of what a service calls.
//
// A request is answered by a recorded request with the same method, path and query (its parameters in any order) and body; if
// none has that body, by one with any. Requests recorded several times are answered in their order, which begins again after the last.
// All others are answered with an error, counted and listed.
//
// Thread-safety: counts() from any thread, the rest from one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http/url.hpp"

namespace leakline::replay {

struct StubOptions {
    std::vector<std::string> logs;  // in the native format, with responses
    http::ListenAddress listen;
    int threads = 1;
    bool recorded_latency = false;  // answers after the recorded time, instead of at once
    bool same_body = false;         // a request with another body than those recorded is unknown
    int unknown_status = 501;
};

struct StubCounts {
    std::uint64_t requests = 0;
    std::uint64_t other_body = 0;                        // of these, answered by a request with another body
    std::uint64_t unknown = 0;                           // of these, answered with unknown_status
    std::map<std::string, std::uint64_t> unknown_kinds;  // "GET /rates/*", a bounded number of them
};
// "12 requests had no recorded response: 10 x GET /rates/*, 2 x POST /quotes"; "" if all had one.
std::string unknown_text(const StubCounts& counts);

class StubServer {
  public:
    // Reads the logs into memory, each different response once, listens and serves. Throws as Log and http::Server do, and
    // Error{input} if no request has a response.
    explicit StubServer(const StubOptions& options);
    ~StubServer();
    StubServer(const StubServer&) = delete;
    StubServer& operator=(const StubServer&) = delete;

    std::uint16_t port() const;
    StubCounts counts() const;
    std::uint64_t recorded() const;           // requests with a response in the logs
    std::uint64_t without_response() const;   // other requests
    std::vector<std::string> damage() const;  // lines of the logs that could not be read

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace leakline::replay
