// Whom a client trusts by default. Safe from any thread.
#pragma once

#include <string>

namespace leakline::http {

// The bundle of the system's roots on distributions where OpenSSL as Debian builds it does not find them (Red Hat, SUSE): a
// portable leakline brings its own. Empty elsewhere, and where $SSL_CERT_FILE chooses one.
std::string system_ca_file();

}  // namespace leakline::http
