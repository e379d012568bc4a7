// Internal to recording_proxy: the connection of one session to its target, kept alive between requests.
#pragma once

#include "http/internal/client_transport.hpp"

#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace leakline::http {

// The target did not answer; the client gets a 502.
struct TargetFailed {
    std::string reason;
};

// The server that sessions connect to. Outlives them.
struct ProxyTargetSettings {
    // Looks the host up. Throws as resolve() and make_tls_context() do. target_connect outlives this.
    ProxyTargetSettings(const Url& target, const ConnectOptions& target_connect);

    Url url;
    const ConnectOptions& connect;
    std::vector<Endpoint> endpoints;
    std::optional<boost::asio::ssl::context> tls, tls_http2;  // for https; the second offers HTTP/2 alone
};

// Blocking, used by its session's thread; cut() may be called from any.
class ProxyTarget {
  public:
    // unread: bytes that may be received and not yet understood.
    ProxyTarget(boost::asio::io_context& io, ProxyTargetSettings& settings, std::size_t unread)
        : settings_(settings), socket_(io), buffer_(unread) {}

    // A connection that the target has not closed meanwhile: the one that is there, or a new one. Throws TargetFailed.
    void connect();
    void disconnect();
    // Calls use(stream) with the socket, or with what encrypts over it.
    template <class Use>
    void with_stream(Use use) {
        if (tls_)
            use(*tls_);
        else
            use(socket_);
    }
    boost::beast::flat_buffer& buffer() { return buffer_; }  // received and not yet taken
    // Waits until more of the request can be written. False if the target has sent its final response and does not read the request.
    // Always true over TLS, where a response cannot be told from other records.
    bool takes_more();
    // Makes the blocking calls return, now and from here on; but for a connect() that is about to begin: to be called again
    // while it matters.
    void cut();

  private:
    bool is_stale();
    void connect_anew();
    void open(const Endpoint& endpoint, boost::system::error_code& error);

    ProxyTargetSettings& settings_;
    Socket socket_;
    std::optional<boost::asio::ssl::stream<Socket&>> tls_;
    boost::beast::flat_buffer buffer_;
    std::mutex cutting_;  // guards the two below, and the closing of the socket against cut()
    int descriptor_ = -1;
    bool cut_ = false;
};

}  // namespace leakline::http
