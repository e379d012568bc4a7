// Internal to client_pool: a serialized HTTP/1.1 request as HTTP/2 sends it. Pure functions.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace leakline::http {

// Bytes of nghttp2 as text.
inline std::string_view text_of(const std::uint8_t* bytes, std::size_t size) { return {reinterpret_cast<const char*>(bytes), size}; }

struct Http2Request {
    std::vector<nghttp2_nv> fields;  // views into the request, and of constants
    std::string_view body;           // view into the request
    bool is_grpc = false;            // by its Content-Type

    // Reads the request, and turns the names of its fields into lower case where they stand. Host becomes :authority. Fields that
    // HTTP/2 forbids (RFC 9113, section 8.2.2) are left out. A gRPC request gets "te: trailers" and no Content-Length, as its clients
    // send it. False if it is not a request with a complete head.
    bool read(std::string& request, std::string_view scheme);
};

}  // namespace leakline::http
