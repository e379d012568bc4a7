#include "memory/prometheus_login.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

namespace leakline::memory {

namespace {

std::string base64(std::string_view text) {
    constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += 3) {
        std::uint32_t bits = 0;
        const std::size_t count = std::min<std::size_t>(3, text.size() - i);
        for (std::size_t j = 0; j < 3; ++j)
            bits = bits << 8 | (j < count ? static_cast<unsigned char>(text[i + j]) : 0u);
        for (std::size_t j = 0; j < 4; ++j) out += j <= count ? kDigits[bits >> (18 - 6 * j) & 63] : '=';
    }
    return out;
}

std::string read_secret(const std::string& path) {
    const std::string text = read_file(path, 1 << 16);
    const std::string_view secret = trim(text);
    if (secret.empty()) throw Error(ErrorKind::input, path, "is empty", "the secret stands on its only line");
    if (secret.find_first_of("\r\n") != std::string_view::npos)
        throw Error(ErrorKind::input, path, "holds more than one line");
    return std::string(secret);
}

}  // namespace

std::optional<std::string> prometheus_authorization(const PrometheusQuery& query) {
    if (!query.bearer_token_file.empty() && !query.basic_auth_file.empty())
        throw Error(ErrorKind::usage, "--basic-auth-file", "and --bearer-token-file: a server takes one of them");
    if (!query.bearer_token_file.empty()) return "Bearer " + read_secret(query.bearer_token_file);
    if (query.basic_auth_file.empty()) return std::nullopt;
    const std::string secret = read_secret(query.basic_auth_file);
    if (secret.find(':') == std::string::npos)
        throw Error(ErrorKind::input, query.basic_auth_file, "is not of the form user:password");
    return "Basic " + base64(secret);
}

}  // namespace leakline::memory
