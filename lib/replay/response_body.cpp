#include "replay/internal/response_body.hpp"

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "system/byte_source.hpp"

namespace leakline::replay {

std::optional<std::string_view> decoded_body(const std::vector<std::pair<std::string, std::string>>& headers, const std::string& body,
                                             std::string& buffer) {
    constexpr std::size_t kMaxDecoded = std::size_t{16} << 20;
    std::string_view encoding;
    for (const auto& [name, value] : headers)
        if (equal_ignoring_case(name, "content-encoding")) encoding = trim(value);
    if (encoding.empty() || equal_ignoring_case(encoding, "identity")) return body;
    buffer.clear();
    try {
        const auto source = memory_source(body);
        buffer = read_all(*source, "", kMaxDecoded);
        if (source->encoding() == "plain") buffer.clear();
    } catch (const Error&) {
    }
    if (buffer.empty() && !body.empty()) return std::nullopt;
    return buffer;
}

}  // namespace leakline::replay
