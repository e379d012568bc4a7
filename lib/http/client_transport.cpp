#include "http/internal/client_transport.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <openssl/x509v3.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/error.hpp>
#include <memory>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "http/system_roots.hpp"

namespace leakline::http {

namespace {

// The addresses of host, which is a numeric address or a name.
std::vector<Endpoint> look_up(const Url& url, const std::string& host) {
    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int failure = getaddrinfo(host.c_str(), std::to_string(url.port).c_str(), &wanted, &found);
    if (failure != 0)
        throw Error(ErrorKind::system, url.origin(),
                    std::string("the host name cannot be resolved: ") + (failure == EAI_SYSTEM ? os_reason(errno) : gai_strerror(failure)));
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
    std::vector<Endpoint> endpoints;
    for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next)
        endpoints.emplace_back(entry->ai_addr, entry->ai_addrlen, IPPROTO_TCP);
    return endpoints;
}

bool is_of(const HostAddress& entry, const Url& url) {
    return equal_ignoring_case(entry.host, url.host) && (entry.port == 0 || entry.port == url.port);
}

void require_applicable(const Url& url, const ConnectOptions& options) {
    if (url.scheme != Url::Scheme::https && !(options.certificate_file.empty() && options.key_file.empty()))
        throw Error(ErrorKind::usage, options.certificate_file.empty() ? "--key" : "--cert",
                    "a client certificate requires an https URL, and this one is " + url.origin(), "--target https://HOST:PORT");
    // A mistyped host would send the traffic to wherever the resolver says.
    if (!options.addresses.empty() &&
        std::none_of(options.addresses.begin(), options.addresses.end(), [&](const HostAddress& entry) { return is_of(entry, url); }))
        throw Error(ErrorKind::usage, "--resolve", "no address is given for " + url.origin(),
                    url.host.empty() ? "leave it out for a Unix socket"
                                     : "--resolve " + url.host + ":" + std::to_string(url.port) + ":" + options.addresses.front().address);
}

}  // namespace

void check_connect_options(const Url& url, const ConnectOptions& options) {
    require_applicable(url, options);
    if (url.scheme == Url::Scheme::https) make_tls_context(options);
}

std::vector<Endpoint> resolve(const Url& url, const ConnectOptions& options) {
    require_applicable(url, options);
    if (url.scheme == Url::Scheme::unix_socket) return {boost::asio::local::stream_protocol::endpoint(url.socket_path)};
    if (options.addresses.empty()) return look_up(url, url.host);
    std::vector<Endpoint> endpoints;
    for (const HostAddress& entry : options.addresses) {
        if (!is_of(entry, url)) continue;
        const std::vector<Endpoint> found = look_up(url, entry.address);
        endpoints.insert(endpoints.end(), found.begin(), found.end());
    }
    return endpoints;
}

boost::asio::ssl::context make_tls_context(const ConnectOptions& options) {
    namespace ssl = boost::asio::ssl;
    ssl::context context(ssl::context::tls_client);
    context.set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 | ssl::context::no_tlsv1 |
                        ssl::context::no_tlsv1_1);
    context.set_verify_mode(options.verify_certificate ? ssl::verify_peer : ssl::verify_none);
    load_certificate(context.native_handle(), {options.certificate_file, options.key_file, "--cert", "--key"});
    boost::system::error_code error;
    if (!options.verify_certificate) return context;
    if (const std::string& ca_file = options.ca_file; ca_file.empty()) {
        context.set_default_verify_paths(error);
        if (const std::string bundle = system_ca_file(); !bundle.empty()) context.load_verify_file(bundle, error);
    } else {
        context.load_verify_file(ca_file, error);
        if (error)
            throw Error(ErrorKind::usage, ca_file, "no certificates can be read from it: " + error.message(), "--ca-file takes a PEM file");
    }
    return context;
}

void offer_protocols(boost::asio::ssl::context& context, HttpVersion version) {
    const auto entry = [](std::string_view name) { return static_cast<char>(name.size()) + std::string(name); };
    std::string names;
    if (version != HttpVersion::http1) names += entry(kAlpnHttp2);
    if (version != HttpVersion::http2) names += entry("http/1.1");
    SSL_CTX_set_alpn_protos(context.native_handle(), reinterpret_cast<const unsigned char*>(names.data()),
                            static_cast<unsigned>(names.size()));
}

void prepare_tls(SSL* tls, const Url& url, bool verify) {
    boost::system::error_code not_an_address;
    boost::asio::ip::make_address(url.host, not_an_address);
    if (not_an_address) {
        // SNI carries names only (RFC 6066, section 3).
        SSL_set_tlsext_host_name(tls, url.host.c_str());
        if (verify) SSL_set1_host(tls, url.host.c_str());
    } else if (verify) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), url.host.c_str());
    }
}

namespace {

// The hint depends on the fault: trusting an issuer corrects neither a wrong name nor a date.
std::string certificate_hint(long verdict) {
    const std::string without = "--insecure skips verification";
    switch (verdict) {
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH: return "use the host name in the certificate; " + without;
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID: return "check the dates of the certificate and this machine's clock; " + without;
        default: return "--ca-file FILE trusts its issuer; " + without;
    }
}

}  // namespace

TlsFailure no_http2_over_tls() {
    return {"the target does not offer HTTP/2 in the TLS handshake (ALPN)", "without --http2, the target chooses the version"};
}

TlsFailure explain_tls_failure(SSL* tls, const boost::system::error_code& error) {
    const long verdict = SSL_get_verify_result(tls);
    if (verdict != X509_V_OK)
        return {std::string("the certificate is not accepted: ") + X509_verify_cert_error_string(verdict), certificate_hint(verdict)};
    const bool of_tls = error.category() == boost::asio::error::get_ssl_category();
    if (of_tls && ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL)
        return no_http2_over_tls();
    if (of_tls)
        if (const auto refusal = explain_certificate_alert(tls, static_cast<unsigned long>(error.value()))) return *refusal;
    if (error == boost::asio::ssl::error::stream_truncated || error == boost::asio::error::eof)
        return {"the server ended the TLS handshake", "does this port speak https?"};
    return {"the TLS handshake failed: " + error.message(), "does this port speak https?"};
}

}  // namespace leakline::http
