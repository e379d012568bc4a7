#include "memory/internal/prometheus_login.hpp"

#include <string_view>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "model/request_jsonl.hpp"
#include "system/byte_source.hpp"

namespace leakline::memory {

namespace {

std::string read_secret(const std::string& path) {
    const std::string text = read_file(path, 1 << 16);
    const std::string_view secret = trim(text);
    if (secret.empty()) throw Error(ErrorKind::input, path, "is empty", "the file must hold the secret on a single line");
    if (secret.find_first_of("\r\n") != std::string_view::npos) throw Error(ErrorKind::input, path, "holds more than one line");
    return std::string(secret);
}

}  // namespace

std::optional<std::string> prometheus_authorization(const PrometheusQuery& query) {
    if (!query.bearer_token_file.empty() && !query.basic_auth_file.empty())
        throw Error(ErrorKind::usage, "--basic-auth-file", "and --bearer-token-file: a server takes one of them");
    if (!query.bearer_token_file.empty()) return "Bearer " + read_secret(query.bearer_token_file);
    if (query.basic_auth_file.empty()) return std::nullopt;
    const std::string secret = read_secret(query.basic_auth_file);
    if (secret.find(':') == std::string::npos) throw Error(ErrorKind::input, query.basic_auth_file, "is not of the form user:password");
    std::string header = "Basic ";
    append_base64(header, secret);
    return header;
}

}  // namespace leakline::memory
