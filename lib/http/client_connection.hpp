// Internal to client_pool: one keep-alive connection that carries one request at a time.
#pragma once

#include "http/client_transport.hpp"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <array>
#include <optional>

#include "http/client_pool.hpp"

namespace leakline::http {

using SteadyTimer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                      boost::asio::wait_traits<std::chrono::steady_clock>,
                                                      boost::asio::io_context::executor_type>;

// Follows a response to its end and keeps nothing but the status: no field is stored, whatever its size.
class ResponseParser : public boost::beast::http::basic_parser<false> {
  public:
    int status() const { return status_; }

  private:
    using Text = boost::beast::string_view;
    using ErrorCode = boost::system::error_code;

    void on_request_impl(boost::beast::http::verb, Text, Text, int, ErrorCode&) override {}
    void on_response_impl(int code, Text, int, ErrorCode&) override { status_ = code; }
    void on_field_impl(boost::beast::http::field, Text, Text, ErrorCode&) override {}
    void on_header_impl(ErrorCode&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
    std::size_t on_body_impl(Text body, ErrorCode&) override { return body.size(); }
    void on_chunk_header_impl(std::uint64_t, Text, ErrorCode&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, Text body, ErrorCode&) override { return body.size(); }
    void on_finish_impl(ErrorCode&) override {}

    int status_ = 0;
};

// What all connections of a pool share.
struct ConnectionSettings {
    Url target;
    PoolOptions options;
    std::vector<Endpoint> endpoints;
    std::optional<boost::asio::ssl::context> tls;
};

class Connection;

class ConnectionOwner {
  public:
    virtual ~ConnectionOwner() = default;
    virtual void started(Connection& connection) = 0;
    virtual void done(Connection& connection, const ClientPool::Done& result) = 0;
    virtual void idle(Connection& connection) = 0;
    virtual void connect_failed(std::string reason, std::string hint) = 0;
};

// States:
//
//   idle --send--> connecting --> (TLS handshake) --> waiting --response--> idle
//                       '----------------'---------------'--failure, deadline--> idle; after a refusal: pausing -> idle
//
// A read is pending whenever the connection is open: on an idle one it notices that the server closes.
class Connection {
  public:
    Connection(ConnectionSettings& settings, ConnectionOwner& owner, boost::asio::io_context& io, int index);

    int index() const { return index_; }
    bool is_idle() const { return state_ == State::idle; }
    bool is_open() const { return channel_ && channel_->open; }
    Nanoseconds deadline() const { return started_ + settings_.options.timeout; }

    void send(const ClientPool::Send& request);
    // Precondition: a request is under way.
    void fail(Failure failure);

    Connection *previous = nullptr, *next = nullptr;  // of the owner's list of those under way
    bool listed_idle = false;                         // in the owner's list of idle ones

  private:
    enum class State { idle, connecting, waiting, pausing };

    // A socket and what its operations use. Handlers share it, so that it outlives an operation that was given up:
    // a handler whose channel is not the connection's any more does nothing.
    struct Channel : boost::intrusive_ref_counter<Channel, boost::thread_unsafe_counter> {
        explicit Channel(boost::asio::io_context& io) : socket(io) {}
        Socket socket;
        std::optional<boost::asio::ssl::stream<Socket&>> tls;
        std::array<char, 16 * 1024> received;
        std::string outgoing;  // what the socket did not take at once
        bool open = false, writing = false;
    };
    using ChannelPointer = boost::intrusive_ptr<Channel>;

    void connect(std::size_t endpoint);
    void handshake();
    void ready();
    void refuse(std::string reason, std::string hint);
    void write(std::string_view bytes);
    void write_rest(std::string_view bytes);
    void write_failed(const boost::system::error_code& error);
    void read();
    void on_read(const boost::system::error_code& error, std::size_t count);
    bool parse(std::string_view bytes);
    void ended(const boost::system::error_code& error);
    void again(std::string_view bytes);
    void over(bool keep);
    void close();

    ConnectionSettings& settings_;
    ConnectionOwner& owner_;
    boost::asio::io_context& io_;
    const int index_;
    ChannelPointer channel_;
    SteadyTimer pause_;
    State state_ = State::idle;

    // Of the request under way.
    bool head_ = false, idempotent_ = true, reused_ = false, got_some_ = false, write_broken_ = false;
    int interim_ = 0;
    Nanoseconds started_{};
    ClientPool::Done done_;
    std::string copy_;   // its bytes, while they may have to be sent (again)
    std::string carry_;  // received, not yet taken by the parser
    std::optional<ResponseParser> parser_;
};

}  // namespace leakline::http
