// Bodies of responses without their compression. Pure, safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leakline::replay {

// Without the gzip or zstd that Content-Encoding names; the body itself where it names none. Nothing: another compression, or a damaged
// body. Points into body or into buffer.
std::optional<std::string_view> decoded_body(const std::vector<std::pair<std::string, std::string>>& headers, const std::string& body,
                                             std::string& buffer);

}  // namespace leakline::replay
