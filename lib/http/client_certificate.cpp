#include "http/internal/client_certificate.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/tls1.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/error.hpp"

namespace leakline::http {

namespace {

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using File = std::unique_ptr<std::FILE, Freed<&std::fclose>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<&EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<&X509_free>>;

// Called for encrypted keys only.
int refuse_password(char*, int, int, void* encrypted) {
    *static_cast<bool*>(encrypted) = true;
    return -1;
}

File open_pem(const std::string& path) {
    File file(std::fopen(path.c_str(), "re"));
    if (!file) throw os_error(ErrorKind::usage, path, "cannot be opened", errno);
    return file;
}

[[noreturn]] void fail_without_certificate(const CertificateFiles& files) {
    ERR_clear_error();
    throw Error(ErrorKind::usage, files.certificate, "no certificate can be read from it",
                files.certificate_option + " takes a PEM file (-----BEGIN CERTIFICATE-----)");
}

// The first certificate is the own one, the others are its chain.
void load_chain(SSL_CTX* context, const CertificateFiles& files) {
    const File file = open_pem(files.certificate);
    const Certificate own(PEM_read_X509_AUX(file.get(), nullptr, nullptr, nullptr));
    if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) fail_without_certificate(files);
    while (const Certificate next{PEM_read_X509(file.get(), nullptr, nullptr, nullptr)})
        if (SSL_CTX_add1_chain_cert(context, next.get()) != 1) fail_without_certificate(files);
    ERR_clear_error();  // the end of the file is an error too
}

Key read_key(const CertificateFiles& files) {
    const bool own_file = !files.key.empty();
    const std::string& path = own_file ? files.key : files.certificate;
    const File file = open_pem(path);
    bool encrypted = false;
    Key key(PEM_read_PrivateKey(file.get(), nullptr, &refuse_password, &encrypted));
    ERR_clear_error();
    if (encrypted)
        throw Error(ErrorKind::usage, path, "the private key is encrypted",
                    "decrypt it: openssl pkey -in " + path + " -out plain.pem, and give " + files.key_option + " plain.pem");
    if (key) return key;
    throw Error(
        ErrorKind::usage, path, "no private key can be read from it",
        files.key_option + (own_file ? " takes a PEM file (-----BEGIN PRIVATE KEY-----)" : " FILE is the private key of the certificate"));
}

}  // namespace

void load_certificate(SSL_CTX* context, const CertificateFiles& files) {
    if (files.certificate.empty()) {
        if (files.key.empty()) return;
        throw Error(ErrorKind::usage, files.key_option, "requires " + files.certificate_option,
                    files.certificate_option + " FILE " + files.key_option + " FILE");
    }
    const std::string& path = files.key.empty() ? files.certificate : files.key;
    load_chain(context, files);
    const Key key = read_key(files);
    if (X509_check_private_key(SSL_CTX_get0_certificate(context), key.get()) != 1) {
        ERR_clear_error();
        throw Error(ErrorKind::usage, path, "this is not the private key of the certificate in " + files.certificate,
                    "the first certificate in the file of " + files.certificate_option + " must be that of the key, its issuers follow");
    }
    if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
        ERR_clear_error();
        throw Error(ErrorKind::usage, path, "OpenSSL cannot use this private key");
    }
}

std::optional<TlsFailure> explain_certificate_alert(const SSL* tls, unsigned long code) {
    if (ERR_GET_LIB(code) != ERR_LIB_SSL) return std::nullopt;
    const int reason = ERR_GET_REASON(code), alert = reason - SSL_AD_REASON_OFFSET;
    const char* text = nullptr;
    switch (alert) {
        case TLS13_AD_CERTIFICATE_REQUIRED: text = "certificate required"; break;
        case SSL_AD_BAD_CERTIFICATE: text = "bad certificate"; break;
        case SSL_AD_UNSUPPORTED_CERTIFICATE: text = "unsupported certificate"; break;
        case SSL_AD_CERTIFICATE_REVOKED: text = "certificate revoked"; break;
        case SSL_AD_CERTIFICATE_EXPIRED: text = "certificate expired"; break;
        case SSL_AD_CERTIFICATE_UNKNOWN: text = "certificate unknown"; break;
        case SSL_AD_UNKNOWN_CA: text = "unknown certificate authority"; break;
        case SSL_AD_ACCESS_DENIED: text = "access denied"; break;
        // What TLS 1.2 says where a certificate is missing, and of much else.
        case SSL_AD_HANDSHAKE_FAILURE: text = "handshake failure"; break;
        default: return std::nullopt;
    }
    if (SSL_get_certificate(tls) != nullptr)
        return TlsFailure{std::string("the server does not accept the client certificate: ") + text,
                          "--cert takes a valid certificate of an authority that the server trusts, followed by its intermediates"};
    if (alert == SSL_AD_HANDSHAKE_FAILURE)
        return TlsFailure{"the server ended the TLS handshake: handshake failure",
                          "if it requires a client certificate: --cert FILE --key FILE"};
    return TlsFailure{std::string("the server requires a client certificate: ") + text, "--cert FILE --key FILE"};
}

}  // namespace leakline::http
