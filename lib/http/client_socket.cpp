#include "http/internal/client_socket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ssl/error.hpp>
#include <cerrno>
#include <limits>

namespace leakline::http {

namespace {

Transfer transferred(ssize_t count) {
    if (count < 0) return {0, errno};
    return {static_cast<std::size_t>(count), 0};
}

Transfer send_on(int descriptor, std::string_view bytes) {
    ssize_t count = 0;
    do count = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    return transferred(count);
}

Transfer receive_from(int descriptor, std::span<char> into) {
    ssize_t count = 0;
    do count = ::recv(descriptor, into.data(), into.size(), 0);
    while (count < 0 && errno == EINTR);
    return transferred(count);
}

}  // namespace

// OpenSSL on the socket, through its own BIO type: OpenSSL's writes without MSG_NOSIGNAL, so a server that closes the
// connection would end the process.
class ClientSocket::Tls {
  public:
    Tls(int descriptor, SSL_CTX* context, const Url& url, bool verify) : Tls(descriptor, context) {
        SSL_set_connect_state(ssl_);
        prepare_tls(ssl_, url, verify);
    }
    // Of a client.
    Tls(int descriptor, SSL_CTX* context) : descriptor_(descriptor), ssl_(SSL_new(context)) {
        BIO* bio = BIO_new(method());
        BIO_set_data(bio, this);
        BIO_set_init(bio, 1);
        SSL_set_bio(ssl_, bio, bio);
        SSL_set_accept_state(ssl_);
        SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    }
    ~Tls() { SSL_free(ssl_); }
    Tls(const Tls&) = delete;
    Tls& operator=(const Tls&) = delete;

    Handshake do_handshake() {
        begin();
        const int result = SSL_do_handshake(ssl_);
        if (result == 1) return Handshake::done;
        const int kind = SSL_get_error(ssl_, result);
        return kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE ? Handshake::waiting : Handshake::failed;
    }

    std::string_view chosen_protocol() const {
        const unsigned char* name = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(ssl_, &name, &size);
        return {reinterpret_cast<const char*>(name), size};
    }

    TlsFailure handshake_failure() {
        boost::system::error_code error;
        if (const unsigned long code = ERR_get_error(); code != 0 && !ended_)
            error.assign(static_cast<int>(code), boost::asio::error::get_ssl_category());
        else if (error_ != 0)
            error.assign(error_, boost::system::system_category());
        else
            error = boost::asio::error::eof;
        return explain_tls_failure(ssl_, error);
    }

    std::optional<TlsFailure> certificate_refusal() const { return explain_certificate_alert(ssl_, ERR_peek_error()); }

    Transfer send(std::string_view bytes) {
        begin();
        const int size = static_cast<int>(std::min<std::size_t>(bytes.size(), std::numeric_limits<int>::max()));
        return result(SSL_write(ssl_, bytes.data(), size));
    }

    Transfer receive(std::span<char> into) {
        begin();
        return result(SSL_read(ssl_, into.data(), static_cast<int>(into.size())));
    }

    void end() {
        begin();
        SSL_shutdown(ssl_);
    }

  private:
    void begin() {
        ERR_clear_error();  // SSL_get_error() looks at the thread's queue
        error_ = 0;
    }

    Transfer result(int count) const {
        if (count > 0) return {static_cast<std::size_t>(count), 0};
        switch (SSL_get_error(ssl_, count)) {
            case SSL_ERROR_WANT_READ:
            case SSL_ERROR_WANT_WRITE: return {0, EAGAIN};
            case SSL_ERROR_ZERO_RETURN: return {0, 0};
            default:
                // Many servers close without a close_notify alert.
                if (ended_) return {0, 0};
                return {0, error_ != 0 ? error_ : EPROTO};
        }
    }

    static BIO_METHOD* method() {
        static BIO_METHOD* const ours = [] {
            BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "client socket");
            BIO_meth_set_write(made, [](BIO* bio, const char* bytes, int size) {
                const Transfer sent = send_on(of(bio).descriptor_, {bytes, static_cast<std::size_t>(size)});
                return of(bio).passed(sent, bio, BIO_FLAGS_WRITE);
            });
            BIO_meth_set_read(made, [](BIO* bio, char* into, int size) {
                const Transfer got = receive_from(of(bio).descriptor_, {into, static_cast<std::size_t>(size)});
                if (got.count == 0 && got.error == 0) of(bio).ended_ = true;
                return of(bio).passed(got, bio, BIO_FLAGS_READ);
            });
            BIO_meth_set_ctrl(made, [](BIO* bio, int command, long, void*) -> long {
                if (command == BIO_CTRL_EOF) return of(bio).ended_ ? 1 : 0;
                return command == BIO_CTRL_FLUSH ? 1 : 0;
            });
            return made;
        }();
        return ours;
    }

    static Tls& of(BIO* bio) { return *static_cast<Tls*>(BIO_get_data(bio)); }

    int passed(const Transfer& done, BIO* bio, int direction) {
        BIO_clear_retry_flags(bio);
        if (done.error == 0) return static_cast<int>(done.count);
        if (done.error == EAGAIN)
            BIO_set_flags(bio, direction | BIO_FLAGS_SHOULD_RETRY);
        else
            error_ = done.error;
        return -1;
    }

    const int descriptor_;
    SSL* const ssl_;
    int error_ = 0;       // of the socket, in the operation under way
    bool ended_ = false;  // the server has closed
};

ClientSocket::ClientSocket() = default;
ClientSocket::~ClientSocket() = default;

int ClientSocket::connect(const Endpoint& endpoint) {
    close();
    descriptor_ = Descriptor(::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!is_open()) return errno;
    if (endpoint.protocol().family() != AF_UNIX) {
        const int on = 1;
        ::setsockopt(descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    if (::connect(descriptor(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0) return 0;
    return errno == EINTR ? EINPROGRESS : errno;
}

int ClientSocket::finish_connecting() {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(descriptor(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
}

void ClientSocket::begin_tls(boost::asio::ssl::context& context, const Url& url, bool verify) {
    tls_ = std::make_unique<Tls>(descriptor(), context.native_handle(), url, verify);
}

void ClientSocket::accept_tls(Descriptor client, SSL_CTX* context) {
    close();
    descriptor_ = std::move(client);
    ::fcntl(descriptor(), F_SETFL, ::fcntl(descriptor(), F_GETFL) | O_NONBLOCK);
    tls_ = std::make_unique<Tls>(descriptor(), context);
}

void ClientSocket::end_tls() {
    if (tls_) tls_->end();
}

ClientSocket::Handshake ClientSocket::do_handshake() { return tls_->do_handshake(); }
TlsFailure ClientSocket::handshake_failure() { return tls_->handshake_failure(); }
std::string_view ClientSocket::chosen_protocol() const { return tls_->chosen_protocol(); }
std::optional<TlsFailure> ClientSocket::certificate_refusal() const { return tls_ ? tls_->certificate_refusal() : std::nullopt; }

Transfer ClientSocket::send(std::string_view bytes) { return tls_ ? tls_->send(bytes) : send_on(descriptor(), bytes); }
Transfer ClientSocket::receive(std::span<char> into) { return tls_ ? tls_->receive(into) : receive_from(descriptor(), into); }

void ClientSocket::acknowledge() const {
    const int on = 1;  // for now: the kernel forgets it with the next request
    ::setsockopt(descriptor(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

void ClientSocket::close() {
    tls_.reset();
    descriptor_.close();
}

}  // namespace leakline::http
