#include "http/internal/tls_terminator.hpp"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/error.hpp"

namespace leakline::http {

namespace {

namespace ssl = boost::asio::ssl;

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered, unsigned offered_size,
                    void* http2) {
    static constexpr std::string_view kBoth = "\x02h2\x08http/1.1", kHttp1 = kBoth.substr(3);
    const std::string_view ours = http2 != nullptr ? kBoth : kHttp1;
    unsigned char* found = nullptr;
    if (SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(ours.data()), static_cast<unsigned>(ours.size()),
                              offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;  // no_application_protocol
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

ssl::context make_server_context(const CertificateFiles& files, bool http2) {
    static int yes = 1;
    ssl::context context(ssl::context::tls_server);
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    load_certificate(context.native_handle(), files);
    SSL_CTX_set_alpn_select_cb(context.native_handle(), choose_protocol, http2 ? &yes : nullptr);
    return context;
}

TlsTerminator::TlsTerminator(SSL_CTX* context, Descriptor client, std::atomic<std::uint64_t>& failed) : failed_(failed) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        throw os_error(ErrorKind::system, "TLS", "no connection can be made", errno);
    plain_ = Descriptor(ends[0]);
    inner_ = Descriptor(ends[1]);
    ::fcntl(inner_.get(), F_SETFL, O_NONBLOCK);
    client_.accept_tls(std::move(client), context);
    thread_ = std::thread([this] { run(); });
}

TlsTerminator::~TlsTerminator() {
    plain_.close();
    thread_.join();
}

void TlsTerminator::run() {
    Nanoseconds until = Nanoseconds::max();
    const auto now = [] { return Nanoseconds(std::chrono::steady_clock::now().time_since_epoch()); };
    try {
        while (pass_on() && !(session_ended_ && sending_.empty()) && now() < until) {
            if (session_ended_ && until == Nanoseconds::max()) until = now() + kFlush;
            const bool reads_client = !greeted_ || (received_.empty() && !client_ended_);
            const auto events = [](bool in, bool out) { return static_cast<short>((in ? POLLIN : 0) | (out ? POLLOUT : 0)); };
            std::array<pollfd, 2> waits = {{{client_.descriptor(), events(reads_client, !sending_.empty()), 0},
                                            {inner_.get(), events(sending_.empty() && !session_ended_, !received_.empty()), 0}}};
            if (waits[1].events == 0) waits[1].fd = -1;  // its end would be reported again and again
            ::poll(waits.data(), waits.size(), 100);
            // A session that goes during the handshake.
            if (!greeted_ && (waits[1].revents & POLLHUP) != 0) break;
        }
        client_.end_tls();
    } catch (const std::exception&) {  // out of memory: the connection ends
    }
    client_.close();
    ::shutdown(inner_.get(), SHUT_RDWR);
}

// As much as goes without waiting. False: the connection is over.
bool TlsTerminator::pass_on() {
    if (!greeted_) {
        const ClientSocket::Handshake handshake = client_.do_handshake();
        if (handshake == ClientSocket::Handshake::failed) ++failed_;
        if (handshake != ClientSocket::Handshake::done) return handshake == ClientSocket::Handshake::waiting;
        greeted_ = true;
    }
    while (to_session() || to_client()) {
    }
    return client_.is_open();
}

// True: something has moved.
bool TlsTerminator::to_session() {
    if (received_.empty() && !client_ended_) {
        std::array<char, 16 * 1024> buffer;
        const Transfer got = client_.receive(buffer);
        if (got.error == EAGAIN) return false;
        if (got.error != 0) {
            client_.close();
            return false;
        }
        received_.assign(buffer.data(), got.count);
        client_ended_ = got.count == 0;
        if (client_ended_) ::shutdown(inner_.get(), SHUT_WR);
        return true;
    }
    if (received_.empty()) return false;
    const ssize_t sent = ::send(inner_.get(), received_.data(), received_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return false;
    received_.erase(0, sent < 0 ? received_.size() : static_cast<std::size_t>(sent));  // the session wants no more
    return true;
}

bool TlsTerminator::to_client() {
    if (!client_.is_open()) return false;
    if (sending_.empty() && !session_ended_) {
        std::array<char, 16 * 1024> buffer;
        const ssize_t got = ::recv(inner_.get(), buffer.data(), buffer.size(), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
        session_ended_ = got <= 0;
        if (got > 0) sending_.assign(buffer.data(), static_cast<std::size_t>(got));
        return true;
    }
    if (sending_.empty()) return false;
    const Transfer sent = client_.send(sending_);
    if (sent.error == EAGAIN) return false;
    if (sent.error != 0) {
        client_.close();
        return false;
    }
    sending_.erase(0, sent.count);
    return true;
}

}  // namespace leakline::http
