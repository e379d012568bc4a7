// Any bytes as a URL: refused, or written back as a URL that means the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "http/url.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leakline;
    try {
        const http::Url url = http::parse_url({reinterpret_cast<const char*>(data), size});
        const http::Url again = http::parse_url(url.text());
        if (again.host != url.host || again.port != url.port || again.target != url.target || again.socket_path != url.socket_path)
            std::abort();
    } catch (const Error&) {
    }
    return 0;
}
