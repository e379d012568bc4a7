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
    bool body_cut = false;

    void clear() {
        headers.clear();
        body.clear();
        body_cut = false;
    }
    void add_body(std::string_view piece) {
        const std::size_t room = kMaxBody - body.size();
        body_cut = body_cut || piece.size() > room;
        body.append(piece.substr(0, room));
    }
};

}  // namespace leakline::http
