// Internal to lib/http's client side: the certificate that a client presents, and what servers answer to it.
//
// Thread-safety: safe from any thread, one context or connection at a time.
#pragma once

#include <openssl/ssl.h>

#include <optional>
#include <string>

#include "http/connect_options.hpp"

namespace leakline::http {

// Loads the client certificate and its key. Throws Error{usage}: a file that cannot be read or is not PEM, an encrypted key,
// a key of another certificate.
void load_client_certificate(SSL_CTX* context, const ConnectOptions& options);

// Why a handshake failed, and a hint.
struct TlsFailure {
    std::string message, hint;
    std::string text() const { return hint.empty() ? message : message + "; " + hint; }
};

// The server has refused the client's certificate, or the lack of one: for code of OpenSSL's error queue. With TLS 1.3 that
// comes after the handshake, as the first answer. Nothing for other errors.
std::optional<TlsFailure> explain_certificate_alert(const SSL* tls, unsigned long code);

}  // namespace leakline::http
