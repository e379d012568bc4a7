// Internal to lib/http: the certificate that a client, or the recording proxy, presents, and what servers answer to a client's.
//
// Thread-safety: safe from any thread, one context or connection at a time.
#pragma once

#include <openssl/ssl.h>

#include <optional>
#include <string>

#include "http/connect_options.hpp"

namespace leakline::http {

// A certificate with its intermediates, and its key: PEM. Without a key file, the first has both. Named as the options that they came from.
struct CertificateFiles {
    std::string certificate, key;
    std::string certificate_option, key_option;
};

// Loads them, if there are any. Throws Error{usage}: a file that cannot be read or is not PEM, an encrypted key, a key of another
// certificate, or without one.
void load_certificate(SSL_CTX* context, const CertificateFiles& files);

// Why a handshake failed, and a hint.
struct TlsFailure {
    std::string message, hint;
    std::string text() const { return hint.empty() ? message : message + "; " + hint; }
};

// The server has refused the client's certificate, or the lack of one: for code of OpenSSL's error queue. With TLS 1.3 that
// comes after the handshake, as the first answer. Nothing for other errors.
std::optional<TlsFailure> explain_certificate_alert(const SSL* tls, unsigned long code);

}  // namespace leakline::http
