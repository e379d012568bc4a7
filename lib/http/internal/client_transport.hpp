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

#include "http/url.hpp"

namespace leakline::http {

// TCP and Unix sockets alike. The concrete executor spares each operation the type-erased one's indirection.
using StreamProtocol = boost::asio::generic::stream_protocol;
using Socket = boost::asio::basic_stream_socket<StreamProtocol, boost::asio::io_context::executor_type>;
using Endpoint = StreamProtocol::endpoint;

// The addresses of the URL's host, in the resolver's order. Throws Error{system} when the name has none.
std::vector<Endpoint> resolve(const Url& url);

// Roots: ca_file, or the system's where empty. Throws Error{usage} when ca_file cannot be read.
boost::asio::ssl::context make_tls_context(bool verify, const std::string& ca_file);

// Sets SNI and, where verify, the name that the certificate must carry.
void prepare_tls(SSL* tls, const Url& url, bool verify);

// Why a handshake failed, and a hint.
struct TlsFailure {
    std::string message, hint;
};
TlsFailure explain_tls_failure(SSL* tls, const boost::system::error_code& error);

}  // namespace leakline::http
