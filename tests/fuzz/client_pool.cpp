// Any bytes as what a server answers on its connections: over HTTP/2 where the first is odd, in pieces that zero bytes separate where
// it is not. Every request is over once.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.hpp"
#include "http/client_pool.hpp"
#include "memory/canned_server.hpp"
#include "require.hpp"

namespace {

using namespace leakline;

using leakline::fuzz::require;

constexpr int kRequests = 5;

struct Listener : http::ClientPool::Listener {
    int done[kRequests] = {}, left = kRequests;
    void on_done(const http::ClientPool::Done& one) override {
        require(one.token < kRequests && ++done[one.token] == 1);
        require(one.response == nullptr || one.status != 0);
        --left;
    }
    void on_idle(int) override {}
    void on_wake() override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2 || size > 60'000) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    const bool http2 = data[0] % 2 == 1;
    std::vector<std::string> answers;  // on each connection, the last on all later ones
    if (http2) {
        answers.emplace_back(input);
    } else {
        for (const std::string_view piece : split(input, '\0'))
            if (!piece.empty()) answers.emplace_back(piece);
    }
    if (answers.empty()) answers.emplace_back("?");
    std::size_t connections = 0;
    const test::CannedServer server([&](const std::string&) { return answers[std::min(connections++, answers.size() - 1)]; });
    http::PoolOptions options;
    options.connections = 1;
    options.streams = http2 ? 4 : 1;
    options.max_header = 4096;
    options.connect.version = http2 ? http::HttpVersion::http2 : http::HttpVersion::http1;
    Listener listener;
    http::ClientPool pool(http::parse_url(server.url()), options, listener);
    const std::string get = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n", post = "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi",
                      call = "POST /x HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc\r\nContent-Length: 2\r\n\r\nhi";
    for (int sent = 0; sent < kRequests || listener.left > 0;) {
        for (int slot = 0; sent < kRequests && (slot = pool.find_idle()) >= 0; ++sent) {
            http::ClientPool::Send request{sent == 1 ? post : sent == 2 ? call : get};
            request.token = static_cast<std::uint64_t>(sent);
            request.idempotent = request.bytes == get;
            request.keep_response = sent % 2 == 0;
            request.reconnect = sent == 3;
            pool.send(slot, request);
        }
        if (sent < kRequests || listener.left > 0) pool.run_one();
    }
    require(pool.busy() == 0);
    return 0;
}
