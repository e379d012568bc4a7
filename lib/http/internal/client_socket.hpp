// Internal to lib/http: a non-blocking connection to a server over TCP or a Unix socket, with TLS where a context is given. Also the
// other end of one: a connection of a client that was accepted. The caller waits for its events (event_loop.hpp).
//
// Thread-safety: one object, one thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "http/internal/client_transport.hpp"
#include "system/descriptor.hpp"

namespace leakline::http {

// Result of a send or receive. After a receive, count 0 and error 0 means that the connection has ended.
struct Transfer {
    std::size_t count = 0;
    int error = 0;  // errno; EAGAIN: try again later
};

class ClientSocket {
  public:
    ClientSocket();
    ~ClientSocket();
    ClientSocket(const ClientSocket&) = delete;
    ClientSocket& operator=(const ClientSocket&) = delete;

    // Begins to connect. 0: connected; EINPROGRESS: call finish_connecting() once it is writable; else the errno.
    int connect(const Endpoint& endpoint);
    int finish_connecting();  // as connect()

    // Begins TLS on what is connected. Precondition of what follows where the target is https.
    void begin_tls(boost::asio::ssl::context& context, const Url& url, bool verify);
    // In place of connect() and begin_tls(): what was accepted from a client, which begins TLS. The context has the certificate.
    void accept_tls(Descriptor client, SSL_CTX* context);
    enum class Handshake { done, waiting, failed };
    Handshake do_handshake();                  // call it again at each event while it returns waiting
    TlsFailure handshake_failure();            // why it failed
    std::string_view chosen_protocol() const;  // by ALPN, after the handshake; "" if the server chose none
    // After a receive that failed with EPROTO: whether the server has refused the client's certificate.
    std::optional<TlsFailure> certificate_refusal() const;

    // If less than all is sent, wait until the socket is writable, as with send(2). After EAGAIN, send the same bytes first.
    Transfer send(std::string_view bytes);
    // Less than a full buffer means that no more data is there now; with TLS, only EAGAIN means that.
    Transfer receive(std::span<char> into);
    // Acknowledges at once what was received, over TCP. A server that writes a response in two parts, without TCP_NODELAY, sends the
    // second when the first is acknowledged (Nagle's algorithm), which the kernel otherwise delays by 40 ms.
    void acknowledge() const;

    // Tells the peer that no more is sent (close_notify); without TLS, nothing.
    void end_tls();

    bool is_open() const { return descriptor_.get() >= 0; }
    bool has_tls() const { return tls_ != nullptr; }
    int descriptor() const { return descriptor_.get(); }
    void close();

  private:
    class Tls;

    Descriptor descriptor_;
    std::unique_ptr<Tls> tls_;
};

}  // namespace leakline::http
