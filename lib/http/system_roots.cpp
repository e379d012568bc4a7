#include "http/system_roots.hpp"

#include <openssl/x509.h>
#include <unistd.h>

#include <cstdlib>

namespace leakline::http {

std::string system_ca_file() {
    if (std::getenv(X509_get_default_cert_file_env()) != nullptr || std::getenv(X509_get_default_cert_dir_env()) != nullptr) return {};
    if (::access(X509_get_default_cert_dir(), R_OK) == 0) return {};
    for (const char* bundle :
         {"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"})
        if (::access(bundle, R_OK) == 0) return bundle;
    return {};
}

}  // namespace leakline::http
