// A response whose fields and body are kept. Plain data.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leakline::http {

struct KeptResponse {
    static constexpr std::size_t kMaxBody = std::size_t{1} << 20;  // bytes; of a larger body, the first are kept

    std::vector<std::pair<std::string, std::string>> headers;  // of the final response, names as sent
    std::string body;                                          // chunks joined, as sent: it may be compressed

    void clear() {
        headers.clear();
        body.clear();
    }
    void add_body(std::string_view piece) { body.append(piece.substr(0, kMaxBody - body.size())); }
};

}  // namespace leakline::http
