// The server's parser of requests: what it makes of the bytes must not depend on the packets that they come in.
#include "base/ascii.hpp"
#include "http/internal/request_parser.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace leakline::http;

// Of a request that is taken. One that is not may be refused sooner or later.
struct Outcome {
    bool done = false;
    std::string method, target, body;
    std::vector<std::string> headers;
    bool operator==(const Outcome&) const = default;
};

// As the server feeds it: what it has not taken is given again with what comes next.
Outcome parse(std::string_view bytes, std::size_t packet) {
    MessageStorage storage;
    RequestParser parser(storage, 1 << 16, 1 << 20);
    Outcome outcome;
    std::string unread;
    bool failed = false;
    for (std::size_t at = 0; at < bytes.size() && !outcome.done && !failed; at += packet) {
        unread += bytes.substr(at, packet);
        while (!unread.empty()) {
            boost::beast::error_code error;
            unread.erase(0, parser.put(boost::asio::const_buffer(unread.data(), unread.size()), error));
            if (error == boost::beast::http::error::need_more) break;
            failed = static_cast<bool>(error);
            outcome.done = !error && parser.is_done();
            if (outcome.done || failed) break;
        }
    }
    if (!outcome.done) return {};
    const ServerRequest request = storage.view();
    outcome.method = request.method;
    outcome.target = request.target;
    outcome.body = request.body;
    int hosts = 0, encodings = 0, lengths = 0;
    for (const Header& header : request.headers) {
        outcome.headers.push_back(header.name + ": " + header.value);
        hosts += leakline::equal_ignoring_case(header.name, "host");
        lengths += leakline::equal_ignoring_case(header.name, "content-length");
        encodings += leakline::equal_ignoring_case(header.name, "transfer-encoding");
    }
    if (hosts > 1 || lengths > 1 || encodings > 1 || (encodings == 1 && lengths == 1)) std::abort();
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1 || size > 4096) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const Outcome whole = parse(bytes, size);
    for (const std::size_t packet : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}})
        if (parse(bytes, packet) != whole) std::abort();
    return 0;
}
