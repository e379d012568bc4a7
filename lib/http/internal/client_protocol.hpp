// Internal to client_pool: how requests go over a connection that is open. One object belongs to one connection, and is used
// again when that is opened anew.
//
// Thread-safety: the pool's thread.
#pragma once

#include <memory>
#include <string_view>

namespace leakline::http {

class Connection;
struct Exchange;

class ClientProtocol {
  public:
    virtual ~ClientProtocol() = default;
    virtual void opened() = 0;
    virtual void closed() = 0;
    virtual void send(Exchange& exchange, std::string_view bytes) = 0;
    // The socket takes more, and what Connection::write() had left over is written, or failed with this error (else 0).
    virtual void on_writable(int error) = 0;
    virtual void on_readable(bool peer_has_closed) = 0;
    // Sends what was put together since the last call.
    virtual void flush() = 0;
    // The exchange is given up; the caller reports it. What comes for it later is dropped.
    virtual void give_up(Exchange& exchange, bool timed_out) = 0;
};

std::unique_ptr<ClientProtocol> make_http1(Connection& connection);
std::unique_ptr<ClientProtocol> make_http2(Connection& connection);

}  // namespace leakline::http
