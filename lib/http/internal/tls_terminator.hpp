// Internal to the recording proxy: TLS with a client, in front of what serves plain connections. A thread of its own encrypts and
// decrypts between the client and a socket pair, so that the sessions have one kind of connection, and those without TLS no cost.
#pragma once

#include <atomic>
#include <boost/asio/ssl/context.hpp>
#include <string>
#include <thread>

#include "base/quantities.hpp"
#include "http/internal/client_certificate.hpp"
#include "http/internal/client_socket.hpp"
#include "system/descriptor.hpp"

namespace leakline::http {

// Throws Error{usage} as load_certificate() does. http2: offered beside HTTP/1.1 (ALPN), and preferred.
boost::asio::ssl::context make_server_context(const CertificateFiles& files, bool http2);

class TlsTerminator {
  public:
    // Begins the handshake. context and failed outlive this; failed counts the handshake if it fails. Throws Error{system} without
    // a descriptor, std::system_error without a thread.
    TlsTerminator(SSL_CTX* context, Descriptor client, std::atomic<std::uint64_t>& failed);
    // Waits until the client has what was written to the plain end, for kFlush at most after that is closed.
    ~TlsTerminator();
    TlsTerminator(const TlsTerminator&) = delete;
    TlsTerminator& operator=(const TlsTerminator&) = delete;

    static constexpr Nanoseconds kFlush = std::chrono::seconds(1);

    // What the client sends comes out here, and what is written here goes to it. Shut it down or close it to end the connection.
    Descriptor take_plain() { return std::move(plain_); }

  private:
    void run();
    bool pass_on();
    bool to_session();
    bool to_client();

    ClientSocket client_;
    Descriptor plain_, inner_;  // the two ends of the pair
    std::atomic<std::uint64_t>& failed_;
    bool greeted_ = false;  // the handshake is done
    bool client_ended_ = false, session_ended_ = false;
    std::string received_, sending_;  // of the client, to the client
    std::thread thread_;
};

}  // namespace leakline::http
