// Internal to client_pool: one connection to the target. It connects, does the TLS handshake, and leaves the requests to the
// protocol that was chosen (client_protocol.hpp).
//
// Thread-safety: the pool's thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "http/client_pool.hpp"
#include "http/internal/client_exchange.hpp"
#include "http/internal/client_protocol.hpp"
#include "http/internal/client_socket.hpp"
#include "http/internal/event_loop.hpp"

namespace leakline::http {

// What all connections of a pool share.
struct ConnectionSettings {
    Url target;
    PoolOptions options;
    std::vector<Endpoint> endpoints;
    std::optional<boost::asio::ssl::context> tls;
    // Received data is discarded at once, so all connections share one buffer; one each would be most of a pool's memory.
    std::vector<char> received;
};

class ConnectionOwner {
  public:
    virtual ~ConnectionOwner() = default;
    // The request is over; idle() follows.
    virtual void done(Exchange& exchange) = 0;
    virtual void idle(Exchange& exchange) = 0;
    // Sends the exchange's copy on the connection that is now its lane's.
    virtual void send_again(Exchange& exchange) = 0;
    // Calls flush() before the pool waits for events.
    virtual void flush_later(Connection& connection) = 0;
    // The lane's slots are not idle until Connection::kPause has passed.
    virtual void pause(int lane) = 0;
    // Calls retry() then.
    virtual void retry_later(Connection& connection) = 0;
    // The connection is destroyed: drops its pending flush() and retry().
    virtual void forget(Connection& connection) = 0;
    virtual void connect_failed(std::string reason, std::string hint) = 0;
};

// States:
//
//   closed --send--> connecting --> (TLS handshake) --> open --the protocol, or the target--> closed
//                        '----------------'--failure, deadline--> closed; after a refusal, the lane pauses
class Connection final : EventLoop::Watcher {
  public:
    // A refused connection fails at once: without a pause, a dead server would get 100,000 attempts per second.
    static constexpr Nanoseconds kPause = std::chrono::milliseconds(10);

    // slots: those of its lane. The connection carries the exchanges among them that name it.
    Connection(ConnectionSettings& settings, ConnectionOwner& owner, EventLoop& loop, std::span<Exchange> slots);
    ~Connection() override;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    bool is_busy() const { return in_progress_ > 0; }
    bool is_ending() const { return ending_; }  // takes no more requests

    void send(Exchange& exchange, std::string_view bytes);
    // Precondition: it carries the exchange.
    void fail(Exchange& exchange, Failure failure);
    void retry();  // to connect
    void flush();
    // Closes the socket. The exchanges that it carries stay, to be finished or sent again.
    void close();

    bool flush_is_due = false;  // in the owner's list

    // For the protocol.

    // Full buffers that are read from one connection before the others get their turn.
    static constexpr int kReadsPerTurn = 16;
    struct Written {
        int error = 0;
        bool nothing = false;  // nothing was written before the error
    };
    // Sends the bytes; what the socket does not accept at once is kept and sent when it does. Precondition: !is_writing().
    Written write(std::string_view bytes);
    bool is_writing() const { return !outgoing_.empty(); }
    ClientSocket& socket() { return socket_; }
    const ConnectionSettings& settings() const { return settings_; }
    ConnectionOwner& owner() { return owner_; }
    std::span<char> buffer() { return settings_.received; }
    std::span<Exchange> slots() { return slots_; }
    bool carries(const Exchange& exchange) const { return exchange.carrier == this; }
    // Changes when the socket is closed or opened anew.
    EventLoop::Id watched() const { return watched_; }
    // What is readable is reported once more.
    void rearm();
    // It takes no more requests, and closes once those that it carries are over.
    void end() { ending_ = true; }
    // It carries the exchange no longer: finish() or send_again() follows.
    void detach(Exchange& exchange);
    // Sets the end time and reports the exchange; the rest of its done must be set. The next request may be sent before it returns.
    void finish(Exchange& exchange);
    // Sends the exchange once more, over the connection that is then the lane's.
    void send_again(Exchange& exchange);
    // Fails all exchanges that it carries with Failure::connect, and pauses the lane.
    void refuse(std::string reason, std::string hint);

  private:
    enum class State { closed, connecting, handshaking, open };

    void on_events(std::uint32_t events) override;
    void connect(std::size_t endpoint = 0);
    void disconnect();
    void connected(int error);
    void do_handshake();
    void ready();
    int write_rest();

    ConnectionSettings& settings_;
    ConnectionOwner& owner_;
    EventLoop& loop_;
    const std::span<Exchange> slots_;
    ClientSocket socket_;
    EventLoop::Id watched_ = 0;  // the socket, while it is open; another one is another number
    State state_ = State::closed;
    std::size_t endpoint_ = 0;  // that is tried
    int in_progress_ = 0;       // exchanges
    int carried_ = 0;           // requests, since it was opened
    bool ending_ = false;
    std::unique_ptr<ClientProtocol> protocol_;  // made once it is known
    bool is_http2_ = false;
    std::string outgoing_;   // the part that the socket did not accept at once
    std::size_t taken_ = 0;  // of outgoing_
};

}  // namespace leakline::http
