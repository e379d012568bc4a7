#include "replay/internal/access_json_presets.hpp"

#include <algorithm>

#include "base/json_scan.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"

namespace leakline::replay {

namespace {

constexpr AccessJsonPreset kPresets[] = {
    {"envoy", "start_time path",
     "ts=.start_time,duration_ms=.duration,method=.method,url=.path,status=.response_code,received=.bytes_received,"
     "header.User-Agent=.user_agent,header.X-Request-Id=.request_id,header.Host=.authority",
     "", false},
    // All of nginx's time variables give the time of writing, whatever the member is called.
    {"nginx", "request_uri|request:text",
     "end=.msec|.time_iso8601|.time_local|.time|.timestamp|.@timestamp,duration=.request_time,method=.request_method,url=.request_uri,"
     "request=.request,body=.request_body,received=.content_length,status=.status,header.Content-Type=.content_type,header.Host=.host",
     "http_", false},
    {"caddy", "request.uri request.method",
     "end=.ts,duration=.duration,method=.request.method,url=.request.uri,status=.status,received=.bytes_read,"
     "header.Host=.request.host,headers=.request.headers",
     "", true},
    {"traefik", "RequestMethod RequestPath",
     "ts=.StartUTC|.StartLocal,end=.time,duration_ns=.Duration,method=.RequestMethod,url=.RequestPath,status=.DownstreamStatus|.OriginStatus,"
     "received=.RequestContentSize,header.Host=.RequestHost|.RequestAddr",
     "request_", true},
    {"express", "req.url req.method",  // pino-http, bunyan, Kibana and other loggers of Node.js's req and res
     "end=.@timestamp|.time|.timestamp|.ts,duration_ms=.responseTime|.res.responseTime|.response_time,method=.req.method,"
     "url=.req.originalUrl|.req.url,status=.res.statusCode|.res.status|.statusCode|.status,headers=.req.headers,body=.req.body",
     "", true},
    {"winston", "meta.req.url meta.req.method",  // express-winston
     "end=.timestamp|.@timestamp|.time|.meta.timestamp,duration_ms=.meta.responseTime,method=.meta.req.method,"
     "url=.meta.req.originalUrl|.meta.req.url,status=.meta.res.statusCode,headers=.meta.req.headers,body=.meta.req.body",
     "", true},
    {"gcp", "httpRequest.requestMethod httpRequest.requestUrl",
     "ts=.timestamp|.receiveTimestamp|.time,method=.httpRequest.requestMethod,url=.httpRequest.requestUrl,status=.httpRequest.status,"
     "header.User-Agent=.httpRequest.userAgent,header.Referer=.httpRequest.referer",
     "", true},
    {"ecs", "http.request.method url.original|url.path",  // Elastic Common Schema
     "ts=.@timestamp,method=.http.request.method,url=.url.original|.url.path,query=.url.query,status=.http.response.status_code,"
     "received=.http.request.body.bytes,body=.http.request.body.content,header.User-Agent=.user_agent.original,header.Referer=.http.request.referrer",
     "", true},
};

// Names that loggers use, the most reliable ones first.
constexpr std::string_view kMethodNames =
    "request_method|requestMethod|http_method|httpMethod|RequestMethod|method|Method|verb|http.method|request.method";
constexpr std::string_view kUrlNames =
    "request_uri|requestUri|requestURI|uri|original_url|originalUrl|url|URL|request_url|requestUrl|request_path|requestPath|RequestPath|http.url|"
    "http.target|http.uri|http_path|request.url|request.uri|request.path|path|Path";
constexpr std::string_view kTimeNames =
    "ts|time|timestamp|@timestamp|datetime|date|start_time|startTime|msec|time_iso8601|time_local|Timestamp|Time|@t";
constexpr std::string_view kStatusNames =
    "status|status_code|statusCode|StatusCode|response_status|responseStatus|response_code|http_status|http.status_code|response.status|response.status_code|code";
constexpr std::string_view kQueryNames = "query|query_string|queryString|args|request.query";
constexpr std::string_view kReceivedNames = "bytes_in|content_length|contentLength|request_content_length";
constexpr std::string_view kAgentNames = "user_agent|userAgent|http_user_agent|request.user_agent|agent";

bool is_method(std::string_view text) {
    return !text.empty() && text.size() <= 16 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
    });
}

bool is_url(std::string_view text) {
    return text.starts_with('/') || text.starts_with("http://") || text.starts_with("https://") || text == "*";
}

// The first of names that is a member with a value.
std::string first_of(std::string_view names, const MemberPaths& members) {
    for (const std::string_view name : split(names, '|'))
        if (const auto member = members.find(name); member != members.end() && !member->second.empty()) return std::string(name);
    return {};
}

bool has_signature(const AccessJsonPreset& preset, const MemberPaths& members) {
    const auto has = [&](std::string_view name) {
        const bool text = name.ends_with(":text");
        if (text) name.remove_suffix(5);
        const auto member = members.find(name);
        return member != members.end() && (!text || !member->second.empty());
    };
    for (const std::string_view choice : split(preset.signature, ' ')) {
        const std::vector<std::string_view> names = split(choice, '|');
        if (std::none_of(names.begin(), names.end(), has)) return false;
    }
    return true;
}

bool collect(JsonScan& scan, const std::string& prefix, int depth, MemberPaths& members) {
    constexpr int kDepth = 4;
    constexpr std::size_t kMembers = 400;
    return scan.object([&](std::string_view key) {
        const std::string path = prefix + std::string(key);
        if (members.size() > kMembers) return scan.skip_value();
        if (scan.next_is('{') && depth < kDepth) {
            members.emplace(path, "");
            return collect(scan, path + ".", depth + 1, members);
        }
        if (scan.next_is('{') || scan.next_is('[')) {
            members.emplace(path, "");
            return scan.skip_value();
        }
        std::string_view value;
        if (!scan.scalar(value)) return false;
        members.emplace(path, value);
        return true;
    });
}

}  // namespace

MemberPaths member_paths(std::string_view line) {
    Scratch scratch;
    scratch.reset(line.size());
    JsonScan scan(line, scratch);
    MemberPaths members;
    collect(scan, "", 0, members);
    return members;
}

std::span<const AccessJsonPreset> access_json_presets() { return kPresets; }

const AccessJsonPreset* find_access_json_preset(const MemberPaths& members) {
    for (const AccessJsonPreset& preset : kPresets)
        if (has_signature(preset, members)) return &preset;
    return nullptr;
}

const AccessJsonPreset* access_json_preset_named(std::string_view name) {
    for (const AccessJsonPreset& preset : kPresets)
        if (preset.name == name) return &preset;
    return nullptr;
}

std::string guess_access_json_map(const MemberPaths& members) {
    const std::string method = first_of(kMethodNames, members), url = first_of(kUrlNames, members);
    const std::string time = first_of(kTimeNames, members), status = first_of(kStatusNames, members);
    if (method.empty() || url.empty() || (time.empty() && status.empty())) return {};
    if (!is_method(members.find(method)->second) || !is_url(members.find(url)->second)) return {};
    std::string map = "method=." + method + ",url=." + url;
    const auto add = [&](const char* field, const std::string& name) {
        if (!name.empty()) map += std::string(",") + field + "=." + name;
    };
    add("ts", time);
    add("status", status);
    add("query", first_of(kQueryNames, members));
    add("received", first_of(kReceivedNames, members));
    add("header.User-Agent", first_of(kAgentNames, members));
    return map;
}

}  // namespace leakline::replay
