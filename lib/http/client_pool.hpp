// Keep-alive connections to one target, over HTTP/1.1 or HTTP/2. A slot carries one pre-serialized request at a time: over HTTP/1.1 a
// connection has one slot, over HTTP/2 one for each stream. All work is done on the thread that runs the pool. Responses are
// parsed, and discarded unless Send asks for them.
//
// The pool handles connecting and reconnecting, TLS, interim responses, HEAD/204/304, chunked and close-delimited bodies,
// a deadline for each request, servers that close idle connections, and of HTTP/2: flow control, limits of concurrent streams,
// refused streams, GOAWAY. Every send() is answered by exactly one on_done().
//
// Thread-safety: one thread; wake() alone may be called from others.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/quantities.hpp"
#include "http/connect_options.hpp"
#include "http/kept_response.hpp"
#include "http/url.hpp"
#include "model/request.hpp"

namespace leakline::http {

struct PoolOptions {
    int connections = 32;
    int requests_per_connection = 0;                 // a connection is closed after this many; 0: no limit
    int streams = 1;                                 // of each connection, at a time; more than 1 requires connect.version http2
    Nanoseconds timeout = std::chrono::seconds(10);  // from the first attempt to the last byte of the response
    std::size_t max_header = 256 * 1024;
    ConnectOptions connect;
};

// steady_clock, since its epoch.
Nanoseconds steady_now();

class ClientPool {
  public:
    // The outcome of a request.
    struct Done {
        int slot = 0;
        std::uint64_t token = 0;
        int status = 0;  // 0: failed, see failure
        Failure failure = Failure::aborted;
        std::string_view reason;    // of the failure, in words, where it says more than failure does. Valid during on_done()
        Nanoseconds started{};      // when send() was called
        Nanoseconds first_write{};  // 0: nothing was written
        Nanoseconds end{};
        std::uint32_t attempts = 1;
        std::uint32_t opened = 0;  // connections opened for it
        int grpc_status = -1;      // of a gRPC response; -1: none
        bool is_grpc = false;      // the request
        bool http2 = false;        // it was answered over HTTP/2
        // Where Send asked for it and the response is whole; else null. Valid during on_done().
        const KeptResponse* response = nullptr;

        // A request that timed out or was aborted before a byte of it was written had no connection either.
        bool had_connection() const { return status != 0 || (failure != Failure::connect && first_write.count() != 0); }
    };
    class Listener {
      public:
        virtual ~Listener() = default;
        // The request is over; its slot may still be unusable for a while.
        virtual void on_done(const Done& done) = 0;
        // The slot can carry the next request: send() may be called from here. Follows every on_done().
        virtual void on_idle(int slot) = 0;
        // The time asked for with wake_at() has come (or is near), or wake() was called.
        virtual void on_wake() = 0;
    };

    // Resolves the host (throws Error{system}) and reads the files of certificates (throws Error{usage}). Connections are
    // opened when needed.
    ClientPool(const Url& target, const PoolOptions& options, Listener& listener);
    ~ClientPool();

    // Those of connection i are i * streams to (i + 1) * streams - 1.
    int slots() const;
    int connection_of(int slot) const;
    int busy() const;  // requests in progress
    bool is_idle(int slot) const;
    // An idle slot, preferably one of an open connection; -1 if there is none.
    int find_idle() const;
    // The same of one connection.
    int find_idle(int connection) const;

    struct Send {
        std::string_view bytes;  // read before send() returns
        bool head = false;       // the response has no body
        bool idempotent = true;  // may be sent again when a kept-alive connection turns out to be closed
        std::uint64_t token = 0;
        // On a new connection, even if one is open. That one is closed once the requests in progress on it are over.
        bool reconnect = false;
        bool close_after = false;  // close the connection after this request; later ones take a new one
        bool keep_response = false;
    };
    // Precondition: is_idle(slot). on_done() may be called before it returns.
    void send(int slot, const Send& request);

    // Handles pending events and calls the listener for them; sleeps until there is one. A signal ends the sleep too.
    void run_one();
    // The same without sleeping.
    void poll();
    // on_wake() at that time of steady_now() or before; one at a time, the newest counts.
    void wake_at(Nanoseconds when);
    // on_wake() soon. From any thread.
    void wake();
    // Ends all requests in progress with Failure::aborted.
    void abort();
    // Closes the idle connections; the next send() on each opens a new one.
    void close_idle();

    // Why the last failed attempt to connect failed, and a hint: "connection refused". Empty if none failed.
    const std::string& connect_failure() const;
    const std::string& connect_hint() const;

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace leakline::http
