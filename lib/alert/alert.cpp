#include "alert/internal/alert.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/did_you_mean.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/redact.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "http/client.hpp"
#include "http/message.hpp"
#include "http/url.hpp"
#include "model/request_jsonl.hpp"
#include "system/byte_source.hpp"

namespace leakline::alert {

namespace {

constexpr std::array<std::string_view, 0> kNoSettings = {};
constexpr std::array<std::string_view, 2> kHttpSettings = {"user", "password-file"};
constexpr std::array<std::string_view, 6> kEmailSettings = {"to", "from", "user", "password-file", "ca-file", "tls"};

constexpr std::array kChannels = {
    ChannelRow{"log", "log", "print a line on standard error", kNoSettings, make_log_channel},
    ChannelRow{"webhook", "webhook=URL|@FILE[,user=U,password-file=F]", "POST JSON", kHttpSettings, make_webhook_channel},
    ChannelRow{"alertmanager", "alertmanager=URL|@FILE[,user=U,password-file=F]", "send to Alertmanager (API v2)", kHttpSettings,
               make_alertmanager_channel},
    ChannelRow{"email", "email=smtp://HOST:PORT,to=A[,from=A,user=U,password-file=F,ca-file=F,tls=starttls|off]",
               "send by SMTP with STARTTLS", kEmailSettings, make_email_channel},
    ChannelRow{"command", "command=PROGRAM", "run PROGRAM with the message in its environment", kNoSettings, make_command_channel},
};

[[noreturn]] void refuse(std::string_view channel, const std::string& message, const std::string& hint = {}) {
    throw Error(ErrorKind::usage, "--alert-to " + std::string(channel), message, hint);
}

// "@FILE": the address has a token in it, or a login.
bool is_from_file(const ChannelSpec& spec) { return spec.target.starts_with('@'); }

struct Address {
    std::string url;   // without the login
    std::string user;  // "user:password", decoded; empty where there is none
};

Address read_address(const ChannelSpec& spec) {
    Address address{spec.target, {}};
    if (is_from_file(spec)) {
        const std::string content = read_file(spec.target.substr(1), std::size_t{64} << 10);
        std::string_view text = content;
        address.url = trim(take_line(text));
    }
    if (!address.url.starts_with("http://") && !address.url.starts_with("https://"))
        refuse(spec.name, "needs an http:// or https:// address", "as in " + spec.name + "=http://127.0.0.1:9093");
    const std::size_t host = address.url.find("://") + 3;
    const std::size_t at = address.url.substr(0, address.url.find_first_of("/?#", host)).rfind('@');
    if (at != std::string::npos) {
        address.user = http::percent_decoded(std::string_view(address.url).substr(host, at - host));
        address.url.erase(host, at + 1 - host);
    }
    return address;
}

}  // namespace

std::string Alert::summary() const {
    const double percent = std::floor(100.0 * static_cast<double>(used) / static_cast<double>(limit));
    const std::string figures = fmt::format("{} of {}", format_bytes(static_cast<double>(used)), format_bytes(static_cast<double>(limit)));
    if (kind == Kind::resolved)
        return fmt::format("{}: memory is back at {} % of its limit ({}), after {} over {} %", source, percent, figures,
                           format_duration(std::chrono::duration_cast<std::chrono::seconds>(at - since)), std::lround(threshold * 100));
    return fmt::format("{}: memory at {} % of its limit ({}) since {}", source, percent, figures, format_utc_time(since));
}

std::string Alert::json() const {
    const nlohmann::ordered_json document = {
        {"schema", 1},
        {"alert", "memory_near_limit"},
        {"status", kind_name(kind)},
        {"source", source},
        {"used_bytes", used},
        {"limit_bytes", limit},
        {"share", static_cast<double>(used) / static_cast<double>(limit)},
        {"threshold", threshold},
        {"since", format_utc_time(since)},
        {"at", format_utc_time(at)},
        {"summary", summary()},
    };
    return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ChannelSpec ChannelSpec::parse(std::string_view text) {
    ChannelSpec spec;
    const std::vector<std::string_view> parts = split(text, ',');
    const std::size_t equals = parts[0].find('=');
    spec.name = trim(parts[0].substr(0, equals));
    if (equals != std::string_view::npos) spec.target = parts[0].substr(equals + 1);
    for (std::size_t i = 1; i < parts.size(); ++i) {
        const std::size_t at = parts[i].find('=');
        if (at == std::string_view::npos)
            refuse(spec.name, "'" + printable(parts[i]) + "' is not a setting", "settings look like key=value");
        spec.settings[std::string(trim(parts[i].substr(0, at)))] = parts[i].substr(at + 1);
    }
    return spec;
}

std::string ChannelSpec::setting(const std::string& key, const std::string& fallback) const {
    const auto found = settings.find(key);
    return found == settings.end() ? fallback : found->second;
}

std::string ChannelSpec::required(const std::string& key) const {
    const std::string value = setting(key);
    if (value.empty()) refuse(name, "needs " + key + "=...");
    return value;
}

std::string ChannelSpec::secret(const std::string& key) const {
    const std::string path = setting(key);
    if (path.empty()) return {};
    const std::string content = read_file(path, std::size_t{64} << 10);
    std::string_view text = content;
    return std::string(trim(take_line(text)));
}

std::span<const ChannelRow> channels() { return kChannels; }

std::unique_ptr<Channel> make_channel(std::string_view text) {
    const ChannelSpec spec = ChannelSpec::parse(text);
    std::vector<std::string> names;
    for (const ChannelRow& row : kChannels) {
        names.emplace_back(row.name);
        if (row.name != spec.name) continue;
        for (const auto& [key, value] : spec.settings) {
            const std::vector<std::string> known(row.settings.begin(), row.settings.end());
            if (std::find(known.begin(), known.end(), key) == known.end())
                refuse(spec.name, "unknown setting '" + printable(key) + "'" + did_you_mean_text(key, known), std::string(row.usage));
        }
        return row.make(spec);
    }
    std::string usages;
    for (const ChannelRow& row : kChannels) usages += (usages.empty() ? "" : "; ") + std::string(row.usage);
    throw Error(ErrorKind::usage, "--alert-to", "unknown channel '" + printable(spec.name) + "'" + did_you_mean_text(spec.name, names),
                usages);
}

std::string origin_of(std::string_view url) {
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) return "(no address)";
    const std::size_t host = scheme + 3;
    std::string_view authority = url.substr(host, url.find_first_of("/?#", host) - host);
    const std::size_t user = authority.rfind('@');
    if (user != std::string_view::npos) authority.remove_prefix(user + 1);
    return std::string(url.substr(0, host)) + std::string(authority);
}

std::string address_of(const ChannelSpec& spec) {
    const bool from_file = is_from_file(spec);
    Address address = read_address(spec);
    if (!from_file && !address.user.empty())
        refuse(spec.name, "a user and password in the address are visible to all users in ps",
               "user=NAME,password-file=FILE, or the whole address in a file: " + spec.name + "=@FILE");
    try {
        http::parse_url(address.url);
    } catch (const Error&) {
        if (!from_file) throw;
        // The message quotes the address.
        refuse(spec.name, "the address in " + spec.target.substr(1) + " is not supported",
               "its first line is http[s]://[USER:PASSWORD@]HOST[:PORT][/PATH]");
    }
    return address.url;
}

std::string authorization_of(const ChannelSpec& spec) {
    const std::string user = spec.setting("user");
    const std::string login = user.empty() ? read_address(spec).user : user + ":" + spec.secret("password-file");
    if (login.empty()) return {};
    std::string out = "Basic ";
    append_base64(out, login);
    return out;
}

std::string without_secrets(std::string text, std::string_view url, std::string_view authorization) {
    const std::string_view kParts = "/?&=#";
    std::vector<std::string> secrets;
    const std::size_t path = url.find_first_of("/?#", std::min(url.size(), url.find("://") + 3));
    if (path != std::string_view::npos)
        for (std::string_view rest = url.substr(path); !rest.empty();) {
            const std::string_view part = rest.substr(0, rest.find_first_of(kParts));
            secrets.emplace_back(part);
            secrets.push_back(http::percent_decoded(part));
            rest.remove_prefix(std::min(part.size() + 1, rest.size()));
        }
    secrets.emplace_back(authorization.substr(authorization.find(' ') + 1));
    return hide(std::move(text), std::move(secrets));
}

void post_json(const std::string& url, const std::string& authorization, const std::string& body) {
    http::ClientRequest request;
    request.url = url;
    request.method = "POST";
    request.headers = {{"Content-Type", "application/json"}};
    if (!authorization.empty()) request.headers.emplace_back("Authorization", authorization);
    request.body = body;
    const http::ClientResponse response = http::send_request(request);
    if (response.status < 200 || response.status > 299)
        throw Error(
            ErrorKind::system, origin_of(url),
            fmt::format("answered {}: {}", response.status, printable(without_secrets(response.body, url, authorization).substr(0, 200))));
}

}  // namespace leakline::alert
