#include "replay/internal/format_framework.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "replay/internal/format_pattern.hpp"

namespace leakline::replay {

namespace {

struct Framework {
    const char* name;
    const char* mark;  // of each of its lines, so that most others are not examined further; "" if there is none
    const char* pattern;
};

// Of a framework that writes two lines per request, the one with the status comes first.
constexpr Framework kFrameworks[] = {
    {"gin", "[GIN]", "...[GIN] $time | $status | $latency | $client | $method \"$url\""},
    {"gin", "[GIN]", "...[GIN] $time | $status | $latency | $client | $method $url"},  // before 1.6
    {"Negroni", "[negroni]", "...[negroni] $time | $status | $latency | $host | $method $url"},
    {"Fiber", " | ", "$clock | $status | $latency | $client | $method | $url | $error"},
    {"Fiber", "] ", "[$clock] $status - $latency $method $url"},
    {"Rails", "Started ", "...Started $method \"$url\" for $client at $time"},
    {"uWSGI", " => generated ",
     "...[pid: $pid|app: $app|req: $count] $client ($user) {$variables} [$time] $method $url => generated $sent bytes in $latency_ms msecs "
     "(HTTP/$version $status)"},
    {"Sanic", "(sanic.access)", "...(sanic.access)[$level][$client]: $method $url $status $sent"},
    {"Tornado", "ms", "...] $status $method $url ($client) $latency"},
    {"PHP", "]: ", "[$time] $client [$status]: $method $url"},
    {"PHP-FPM", " \"", "... \"$method $url\" $status"},
    {"AWS ELB", ":", "$time $balancer $client $target $a $b $c $status $backend $received $sent \"$request\""},
    {"Spring", "Before request [", "...Before request [$method $url, client=$rest"},
    {"Spring", "Before request [", "...Before request [$method $url, headers=$rest"},
    {"Spring", "Before request [", "...Before request [$method $url, payload=$rest"},
    {"Spring", "Before request [", "...Before request [$method $url]"},
    {"Spring", "DispatcherServlet", "... : $method \"$url\", parameters="},
    {"Spring", "HttpWebHandlerAdapter", "... : [$id] HTTP $method \"$url\""},
    {"Serilog", " responded ", "...HTTP $method $url responded $status in $latency_ms ms"},
    {"ASP.NET Core", "Request finished HTTP/", "...Request finished HTTP/$version $method $url - $status "},
    {"ASP.NET Core", "Request finished HTTP/", "...Request finished HTTP/$version $method $url $type $length - $status "},
    {"ASP.NET Core", "Request starting HTTP/", "...Request starting HTTP/$version $method $url "},
    {"tower-http", "tower_http::trace::on_response",
     "...{method=$method uri=$url version=$version}: tower_http::trace::on_response: finished processing request latency=$latency $unit "
     "status=$status"},
    {"tower-http", "tower_http::trace::on_request", "...{method=$method uri=$url version=$version}: tower_http::trace::on_request: "},
    {"Ktor", " - ", "... - $status $reason: $method - $url in $latency"},
    {"Koa", "--> ", "...--> $method $url $status $latency"},
    {"Phoenix", "[info] ", "...[info] $method $url"},
    {"Vapor", "[ INFO ] ", "...[ INFO ] $method $url [request-id: $id]"},
    {"morgan", " ms - ", "$method $url $status $latency_ms ms - $sent"},
    {"morgan", " HTTP/", "$client $user $method $url HTTP/$version $status $sent - $latency_ms ms"},
    {"morgan", " ms", "$method $url $status $sent - $latency_ms ms"},
};

const LogPattern& pattern_of(std::size_t row) {
    static const std::vector<LogPattern> patterns = [] {
        std::vector<LogPattern> all;
        for (const Framework& framework : kFrameworks) all.push_back(parse_log_pattern(framework.pattern));
        return all;
    }();
    return patterns[row];
}

bool matches(std::size_t row, std::string_view line) {
    return line.find(kFrameworks[row].mark) != line.npos && pattern_of(row).matches(line, LogPattern::Strictness::plain);
}

}  // namespace

bool looks_like_framework(std::string_view line) {
    for (std::size_t row = 0; row < std::size(kFrameworks); ++row)
        if (matches(row, line)) return true;
    return false;
}

std::unique_ptr<RecordStream> open_framework(ChunkBuffer chunks, const std::string& path_for_messages) {
    std::vector<std::string_view> lines = split(chunks.peek(ChunkBuffer::kChunk, ChunkBuffer::Peek::a_line), '\n');
    constexpr std::size_t kExamined = 1000;
    if (lines.size() > kExamined) lines.resize(kExamined);
    for (std::size_t row = 0; row < std::size(kFrameworks); ++row)
        if (std::any_of(lines.begin(), lines.end(), [&](std::string_view line) { return matches(row, line); }))
            return std::make_unique<PatternStream>(std::move(chunks), pattern_of(row), kFrameworks[row].name);
    throw Error(ErrorKind::input, path_for_messages + ":1", "no line of a web framework that is known",
                "--log-format-string describes the lines of others");
}

}  // namespace leakline::replay
