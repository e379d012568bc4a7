// Internal to lib/http's client side: addresses and TLS as both clients use them, in Asio's types. Slow to compile; included
// by .cpp files and headers that are internal too.
#pragma once

#include <utility>  // Boost 1.74's awaitable.hpp needs it before any asio header under C++20

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <string>
#include <vector>

#include "http/connect_options.hpp"
#include "http/internal/client_certificate.hpp"
#include "http/url.hpp"

namespace leakline::http {

// TCP and Unix sockets alike. The concrete executor spares each operation the type-erased one's indirection.
using StreamProtocol = boost::asio::generic::stream_protocol;
using Socket = boost::asio::basic_stream_socket<StreamProtocol, boost::asio::io_context::executor_type>;
using Endpoint = StreamProtocol::endpoint;

// The addresses of the URL's host: those of the options, or the resolver's in its order. Throws Error{system} when the name
// has none, Error{usage} when the options cannot apply to the URL: addresses of other hosts, a certificate without TLS.
std::vector<Endpoint> resolve(const Url& url, const ConnectOptions& options);

// For an https URL. Throws Error{usage} when a file of the options cannot be used.
boost::asio::ssl::context make_tls_context(const ConnectOptions& options);

// Offers HTTP/2, HTTP/1.1 or both to the server (ALPN).
void offer_protocols(boost::asio::ssl::context& context, HttpVersion version);
inline constexpr std::string_view kAlpnHttp2 = "h2";

// Sets SNI and, where verify, the name that the certificate must carry.
void prepare_tls(SSL* tls, const Url& url, bool verify);

// Only HTTP/2 was offered, and the server does not have it.
TlsFailure no_http2_over_tls();

TlsFailure explain_tls_failure(SSL* tls, const boost::system::error_code& error);

}  // namespace leakline::http
