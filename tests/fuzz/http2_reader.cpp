// Any bytes as what a client has sent over an HTTP/2 connection: the first says how large the pieces are, the rest comes in them. The pieces
// change neither the requests nor where reading ends.
#include "replay/internal/http2_reader.hpp"

#include <algorithm>
#include <cstdint>

#include "require.hpp"

namespace {

using namespace leakline;

using leakline::fuzz::require;

struct Result {
    std::deque<Request> requests;
    std::uint64_t unfinished = 0;
    bool valid = true;
};

Result read(std::string_view bytes, std::size_t piece) {
    Result result;
    replay::Http2Reader reader("c");
    while (result.valid && !bytes.empty()) {
        result.valid = reader.take(bytes.substr(0, piece), {}, result.requests);
        bytes.remove_prefix(std::min(piece, bytes.size()));
    }
    result.unfinished = reader.unfinished();
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const Result whole = read(bytes, bytes.size()), torn = read(bytes, data[0] % 61 + std::size_t{1});
    require(whole.valid == torn.valid && whole.unfinished == torn.unfinished);
    require(whole.requests.size() == torn.requests.size());
    for (std::size_t i = 0; i < whole.requests.size(); ++i) {
        const Request &a = whole.requests[i], &b = torn.requests[i];
        require(a.method == b.method && a.target == b.target && a.headers == b.headers && a.body == b.body);
        require(a.connection == "c");
    }
    return 0;
}
