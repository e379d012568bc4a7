#include "replay/internal/access_json_presets.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/ascii.hpp"
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
    {"nginx", "request_uri|request:text request:text|request_method|msec|time_iso8601|time_local|remote_addr|request_time",
     "end=.msec|.time_iso8601|.time_local|.time|.timestamp|.@timestamp,duration=.request_time,method=.request_method|.method,url=.request_uri,"
     "request=.request,body=.request_body,received=.content_length,status=.status,header.Content-Type=.content_type,header.Host=.host",
     "http_", false},
    {"kong", "request.uri request.method started_at latencies",
     "ts=.started_at,method=.request.method,url=.request.uri,status=.response.status,headers=.request.headers,body=.request.body", "",
     true},
    {"caddy", "request.uri request.method",
     "end=.ts,duration=.duration,method=.request.method,url=.request.uri,status=.status,received=.bytes_read,"
     "header.Host=.request.host,headers=.request.headers",
     "", true},
    {"traefik", "RequestMethod RequestPath DownstreamStatus|OriginStatus|StartUTC|RequestAddr",
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
    {"k6", "metric data.tags.url", "ts=.data.time,method=.data.tags.method,url=.data.tags.url,status=.data.tags.status", "", true,
     "metric=http_reqs"},
    {"k6-csv", "metric_name timestamp url method", "ts=.timestamp,method=.method,url=.url,status=.status", "", true,
     "metric_name=http_reqs"},
    {"jmeter", "timeStamp elapsed label URL", "ts=.timeStamp,url=.URL,status=.responseCode", "", true},
    {"logbook", "origin type correlation method uri", "method=.method,url=.path|.uri,headers=.headers,body=.body,header.Host=.host", "",
     true, "type=request"},
    {"azure", "properties.requestUri properties.httpMethod",
     "ts=.timeStamp|.time,method=.properties.httpMethod,url=.properties.requestUri,query=.properties.requestQuery,"
     "status=.properties.httpStatus|.properties.httpStatusCode,header.User-Agent=.properties.userAgent,header.Host=.properties.host",
     "", true},
    {"cloudflare", "ClientRequestMethod ClientRequestURI",
     "ts=.EdgeStartTimestamp,method=.ClientRequestMethod,url=.ClientRequestURI,status=.EdgeResponseStatus,header.Host=.ClientRequestHost,"
     "header.User-Agent=.ClientRequestUserAgent,header.Referer=.ClientRequestReferer",
     "", true},
    {"akamai", "reqMethod reqPath",
     "ts=.reqTimeSec,method=.reqMethod,url=.reqPath,query=.queryStr,status=.statusCode,header.Host=.reqHost,header.User-Agent=.UA", "",
     true},
};

// Names that loggers use, the most reliable ones first, in small letters and without what is between words.
constexpr std::string_view kMethodNames = "requestmethod|httpmethod|method|verb|httprequestmethod|httprequest|reqmethod|csmethod";
constexpr std::string_view kUrlNames =
    "requesturi|uri|originalurl|url|requesturl|requestpath|httpurl|httptarget|httpuri|httppath|urloriginal|urlpath|urlfull|requrl|requri|reqpath|"
    "path|fullpath|endpoint|resourcepath|resource";
constexpr std::string_view kTimeNames =
    "ts|time|timestamp|datetime|date|starttime|startedat|msec|timeiso8601|timelocal|t|requesttime|requesttimestamp|eventtime|logtime|asctime|createdat|starteddatetime|starttimeunixnano|timeunixnano";
constexpr std::string_view kStatusNames =
    "status|statuscode|responsestatus|responsecode|responsestatuscode|httpstatus|httpstatuscode|httpresponsestatuscode|resstatus|resstatuscode|code";
constexpr std::string_view kQueryNames = "query|querystring|args|requestquery|urlquery|querystr";
constexpr std::string_view kReceivedNames = "bytesin|contentlength|requestcontentlength|httprequestcontentlength";
constexpr std::string_view kAgentNames = "useragent|httpuseragent|requestuseragent|useragentoriginal|agent";

bool is_method(std::string_view text) {
    return !text.empty() && text.size() <= 16 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
    });
}

bool is_url(std::string_view text) {
    if (text.find('{') != text.npos) return false;  // the template of a route
    return text.starts_with('/') || text.starts_with("http://") || text.starts_with("https://") || text == "*";
}

bool is_status(std::string_view text) {
    return text.size() == 3 && text[0] >= '1' && text[0] <= '5' && is_digit(text[1]) && is_digit(text[2]);
}

// Since 2000: nginx's $request_time is a number of seconds, too.
bool is_recent_time(std::string_view text) {
    constexpr std::chrono::seconds kYear2000{946'684'800};
    const ParsedTime time = parse_any_time(text);
    return time.at && *time.at > kYear2000;
}

bool is_any(std::string_view) { return true; }

// "HTTP-Method" and "http.method" -> "httpmethod"
std::string plain_name(std::string_view name) {
    std::string plain;
    for (const char c : name)
        if (is_letter(c) || is_digit(c)) plain += to_lower(c);
    return plain;
}

// The first of names that is a member with a value that fits, below outer ("" or "attributes.").
std::string first_of(std::string_view names, const MemberPaths& members, std::string_view outer, bool (*fits)(std::string_view)) {
    const std::vector<std::string_view> known = split(names, '|');
    auto best = known.end();
    std::string found;
    for (const auto& [path, value] : members) {
        if (!path.starts_with(outer) || value.empty()) continue;
        const auto name = std::find(known.begin(), best, plain_name(std::string_view(path).substr(outer.size())));
        if (name == best || !fits(value)) continue;
        best = name;
        found = path;
    }
    return found;
}

// The objects that hold members, the outermost first: "", "attributes.", "attributes.http."
std::vector<std::string> objects_of(const MemberPaths& members) {
    std::vector<std::string> objects = {""};
    for (const auto& [path, value] : members)
        for (std::size_t dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1)) add_once(objects, path.substr(0, dot + 1));
    std::stable_sort(objects.begin(), objects.end(), [](const std::string& a, const std::string& b) {
        return std::count(a.begin(), a.end(), '.') < std::count(b.begin(), b.end(), '.');
    });
    return objects;
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
    for (const std::string& outer : objects_of(members)) {
        if (outer.starts_with("_source.")) continue;  // a document of Elasticsearch, which is a line of its own
        const std::string method = first_of(kMethodNames, members, outer, is_method), url = first_of(kUrlNames, members, outer, is_url);
        if (method.empty() || url.empty()) continue;
        const auto find = [&](std::string_view names, bool (*fits)(std::string_view)) {
            const std::string near = first_of(names, members, outer, fits);
            return near.empty() && !outer.empty() ? first_of(names, members, "", fits) : near;
        };
        const std::string time = find(kTimeNames, is_recent_time), status = find(kStatusNames, is_status);
        if (time.empty() && status.empty()) continue;
        std::string map = "method=." + method + ",url=." + url;
        const auto add = [&](const char* field, const std::string& name) {
            if (!name.empty()) map += std::string(",") + field + "=." + name;
        };
        add("ts", time);
        add("status", status);
        add("query", find(kQueryNames, is_any));
        add("received", find(kReceivedNames, is_any));
        add("header.User-Agent", find(kAgentNames, is_any));
        return map;
    }
    return {};
}

}  // namespace leakline::replay
