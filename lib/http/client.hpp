// One HTTP request, one response, on the calling thread: for readiness checks, queries and notifications.
// Replaying traffic is the work of http/client_pool.hpp.
//
// libcurl 7.88 instead of it takes 1.20 times the CPU time per request over http (0.1 ms) and 1.04 over https (2 ms),
// medians of interleaved runs, noise 0.96 to 0.98. Names, TLS and the reasons of refused certificates are shared with the
// pool (client_transport), which libcurl would not replace.
//
// Thread-safety: free functions, safe from any thread.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/quantities.hpp"
#include "http/connect_options.hpp"

namespace leakline::http {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct ClientRequest {
    std::string url;  // see http/url.hpp: http, https and unix
    std::string method = "GET";
    HeaderList headers;  // Host, Connection, User-Agent and Content-Length are added unless they are given here
    std::string body;
};

struct ClientOptions {
    Nanoseconds timeout = std::chrono::seconds(10);  // for the whole exchange, name lookup apart
    std::size_t max_header = 64 * 1024;
    std::size_t max_body = std::size_t{64} << 20;
    ConnectOptions connect;
    std::stop_token stop;  // ends the exchange with Error{system} "interrupted", name lookup apart
};

struct ClientResponse {
    int status = 0;
    std::string reason;
    HeaderList headers;
    std::string body;  // chunks joined; complete

    // The first header of that name, in any case.
    std::optional<std::string_view> header(std::string_view name) const;
};

// Any status is a response, not an error; redirections are not followed. Throws Error{usage} for a bad URL or a header
// with a line break in it, Error{system} located at the URL's origin when no complete response came: refused, timed
// out, bad certificate, malformed, too large.
ClientResponse send_request(const ClientRequest& request, const ClientOptions& options = {});

// GET.
ClientResponse get(const std::string& url, const ClientOptions& options = {});

}  // namespace leakline::http
