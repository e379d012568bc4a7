// Any bytes as a serialized request that is to be sent over HTTP/2: what is read stays within them, and has no field that HTTP/2 forbids.
#include <cstdint>
#include <string>
#include <string_view>

#include "http/internal/http2_request.hpp"
#include "require.hpp"

namespace {

using leakline::http::text_of;

using leakline::fuzz::require;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string request(text_of(data, size));
    leakline::http::Http2Request http2;
    if (!http2.read(request, "http")) return 0;
    require(request.size() == size);
    require(request.ends_with(http2.body));
    std::size_t copied = 0;
    bool regular = false;
    for (const nghttp2_nv& field : http2.fields) {
        const std::string_view name = text_of(field.name, field.namelen);
        copied += field.namelen + field.valuelen;
        regular = regular || !name.starts_with(':');
        for (const char c : name) require(c < 'A' || c > 'Z');
        require(name != "host" && name != "connection" && name != "transfer-encoding" && name != "keep-alive");
        require(name != "te" || text_of(field.value, field.valuelen) == "trailers");
        require(!http2.is_grpc || name != "content-length");
    }
    // The rest are constants: four names, the scheme, and te.
    require(copied + http2.body.size() <= size + 60);
    return 0;
}
