// Any bytes as what a client and a target say over HTTP/2 through the recording proxy: the first says how many of the rest are the
// client's. The relay ends, and what it reports are the requests that it counted.
#include <poll.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "http/internal/http2_relay.hpp"
#include "http/url.hpp"
#include "memory/canned_server.hpp"
#include "require.hpp"
#include "system/descriptor.hpp"

namespace {

using namespace leakline;

using leakline::fuzz::require;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Sends, and takes what comes until nothing does for a while.
void play_client(int socket, std::string_view says) {
    if (::send(socket, says.data(), says.size(), MSG_NOSIGNAL) < 0) return;
    char taken[4096];
    for (pollfd waits{socket, POLLIN, 0}; ::poll(&waits, 1, 3) > 0;)
        if (::recv(socket, taken, sizeof taken, 0) <= 0) break;
    ::shutdown(socket, SHUT_RDWR);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2 || size > 60'000) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t of_client = input.size() * data[0] / 255;
    const test::CannedServer target([&](const std::string&) { return std::string(input.substr(of_client)); });
    http::ProxyOptions options;
    options.target = http::parse_url(target.url());
    options.keep_responses = true;
    options.max_kept_body = 1000;
    options.max_header = 4096;
    options.body_budget = 5000;
    std::uint64_t reported = 0;
    http::ProxyShared shared(options, [&](http::ProxiedRequest&& request) {
        ++reported;
        require(request.connection == 7 && request.body.size() <= 1000);
        require(!request.response || request.response->body.size() <= 1000);
    });
    http::SessionState state;
    int ends[2];
    require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    const Descriptor proxy(ends[0]), other(ends[1]);
    std::thread client(play_client, other.get(), std::string(kPreface) + std::string(input.substr(0, of_client)));
    http::relay_http2(shared, state, proxy.get(), 7);
    ::shutdown(proxy.get(), SHUT_RDWR);
    client.join();
    require(shared.kept == 0 && reported <= shared.requests);
    return 0;
}
