// Internal to client_pool: one keep-alive connection that carries one request at a time.
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
#include "http/internal/client_socket.hpp"
#include "http/internal/event_loop.hpp"
#include "http/internal/response_reader.hpp"

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

class Connection;

class ConnectionOwner {
  public:
    virtual ~ConnectionOwner() = default;
    virtual void started(Connection& connection) = 0;
    virtual void done(Connection& connection, const ClientPool::Done& result) = 0;
    virtual void idle(Connection& connection) = 0;
    // Calls pause_over() once kPause has passed.
    virtual void pause(Connection& connection) = 0;
    virtual void connect_failed(std::string reason, std::string hint) = 0;
};

// States:
//
//   idle --send--> connecting --> (TLS handshake) --> waiting --response--> idle
//                       '----------------'---------------'--failure, deadline--> idle; after a refusal: pausing -> idle
class Connection : EventLoop::Watcher {
  public:
    // A refused connection fails at once: without a pause, a dead server would get 100,000 attempts per second.
    static constexpr Nanoseconds kPause = std::chrono::milliseconds(10);

    Connection(ConnectionSettings& settings, ConnectionOwner& owner, EventLoop& loop, int index);
    ~Connection() override;

    int index() const { return index_; }
    bool is_idle() const { return state_ == State::idle; }
    bool is_open() const { return socket_.is_open(); }
    Nanoseconds started() const { return done_.started; }
    Nanoseconds deadline() const { return done_.started + settings_.options.timeout; }

    void send(const ClientPool::Send& request);
    // Precondition: a request is in progress.
    void fail(Failure failure);
    void pause_over();
    // Precondition: is_idle(). Closes the socket where it is open.
    void close();

    Connection *previous = nullptr, *next = nullptr;  // in the owner's list of requests in progress
    bool listed_idle = false;                         // in the owner's list of idle connections

  private:
    enum class State { idle, connecting, handshaking, waiting, pausing };

    void on_events(std::uint32_t events) override;
    void connect(std::size_t endpoint);
    void connected(int error);
    void do_handshake();
    void ready();
    void refuse(std::string reason, std::string hint);
    void write(std::string_view bytes);
    void write_rest();
    void write_failed(int error);
    void read(bool peer_has_closed);
    void ended(int error);
    void again(std::string_view bytes);
    void over(bool keep);

    ConnectionSettings& settings_;
    ConnectionOwner& owner_;
    EventLoop& loop_;
    const int index_;
    ClientSocket socket_;
    EventLoop::Id watched_ = 0;  // the socket, while it is open; another one is another number
    State state_ = State::idle;
    std::size_t endpoint_ = 0;  // that is tried

    // Of the request under way.
    bool head_ = false, idempotent_ = true, close_after_ = false, reused_ = false, write_broken_ = false;
    bool keeps_ = false;                  // the response
    std::unique_ptr<KeptResponse> kept_;  // made when first asked for
    ClientPool::Done done_;
    std::string copy_;       // its bytes, while they may have to be sent (again)
    std::string outgoing_;   // the part that the socket did not accept at once
    std::size_t taken_ = 0;  // of outgoing_
    ResponseReader response_;
};

}  // namespace leakline::http
