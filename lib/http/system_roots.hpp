// Whom a client trusts by default. Safe from any thread.
#pragma once

#include <string>

namespace leakline::http {

// The bundle of the system's roots where OpenSSL's own folder does not exist: a portable leakline brings Debian's OpenSSL, which
// does not know where Red Hat and SUSE keep them. Empty elsewhere, and where $SSL_CERT_FILE or $SSL_CERT_DIR chooses.
std::string system_ca_file();

}  // namespace leakline::http
