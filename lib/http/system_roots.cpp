#include "http/system_roots.hpp"

#include <unistd.h>

#include <cstdlib>

namespace leakline::http {

std::string system_ca_file() {
    if (std::getenv("SSL_CERT_FILE") != nullptr) return {};
    for (const char* bundle : {"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"})
        if (::access(bundle, R_OK) == 0) return bundle;
    return {};
}

}  // namespace leakline::http
