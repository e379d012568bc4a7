// An HTTP/1.1 server that clients cannot overload: keep-alive, pipelining, chunked bodies, and limits on everything that a
// client can make grow.
//
// One event loop per thread; a connection stays on the loop that it was given to. The handler runs on a loop's thread
// and must not block; it may answer later, from any thread, through its Responder.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "http/message.hpp"

namespace leakline::http {

struct ServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  // 0: the system picks one, see Server::port()
    int threads = 1;
    std::size_t body_limit = std::size_t{1} << 20;      // bytes; a longer body is answered 413
    std::size_t header_limit = std::size_t{16} << 10;   // bytes of request line and headers; more is answered 431
    std::size_t connection_limit = 1024;                // further ones get a 503 and are closed
    std::chrono::milliseconds request_timeout{10'000};  // from a request's first byte to its last, else 408
    std::chrono::milliseconds write_timeout{10'000};    // without any progress in sending a response, else closed
    std::chrono::milliseconds idle_timeout{60'000};     // of a kept-alive connection between requests
};

// Monotonic counts since the start, except connections_open. Read without locking the loops: a snapshot may be a few
// requests old, but never goes back.
struct ServerCounts {
    std::uint64_t connections_accepted = 0, connections_shed = 0, connections_open = 0;
    std::uint64_t requests = 0;   // whole requests that reached the handler
    std::uint64_t malformed = 0;  // answered 400, 413 or 431 before the handler
    std::uint64_t timeouts = 0;   // connections closed for slowness
};

// Answers one request, once. Copies share that: the first send() counts, later ones do nothing. If the last copy is
// destroyed without an answer, the client gets a 500, so no connection hangs. send() may be called from
// any thread. All copies must be gone before the Server is destroyed.
class Responder {
  public:
    struct Reply;
    explicit Responder(std::shared_ptr<Reply> reply) : reply_(std::move(reply)) {}
    void send(Response response) const;
    // observe is called with the status of the answer, whoever gives it, before it is sent. To be set by the handler
    // before the responder is given to another thread.
    void on_answer(std::function<void(int status)> observe) const;

  private:
    std::shared_ptr<Reply> reply_;
};

// An exception from the handler becomes a 500 with a fixed text; the reason goes to on_error.
using Handler = std::function<void(const ServerRequest&, Responder)>;

class Server {
  public:
    // Binds and listens, so that the port is known; serves from start() on.
    // Throws Error{input}: not an address, the port is taken or not allowed.
    Server(ServerOptions options, Handler handler);
    ~Server();  // stop(0)
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    std::uint16_t port() const;
    void start();

    // Drains: requests that are being handled get their answer, new ones a 503 with "Connection: close", then the
    // listening socket and all connections close. Returns when every connection is gone, or after grace, with the rest
    // cut off. Returns false in the latter case. To be called once, not from a handler.
    bool stop(std::chrono::milliseconds grace);

    ServerCounts counts() const;
    // Called (from any loop) with a one-line reason that clients must not see. Set it before start().
    void on_error(std::function<void(const std::string&)> report);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace leakline::http
