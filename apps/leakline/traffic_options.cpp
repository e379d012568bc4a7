#include "traffic_options.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "http/message.hpp"
#include "pace.hpp"
#include "quantities.hpp"

namespace leakline::cli {

namespace {

constexpr const char* kReading = "Reading logs";
constexpr const char* kShaping = "Shaping";
constexpr const char* kSending = "Sending";

}  // namespace

TrafficOptions::TrafficOptions(CLI::App& app, replay::ReplayOptions& options, Scope scope, std::string pace)
    : options_(options), default_pace_(std::move(pace)), pace_(default_pace_) {
    if (scope == Scope::sending) add_sending(app);
    add_reading(app);
    add_shaping(app);
}

void TrafficOptions::add_reading(CLI::App& app) {
    app.add_option("--max-bad-lines", options_.max_bad_lines, "unreadable lines to tolerate; more end the command")
        ->capture_default_str()
        ->group(kReading);
    add_fraction(app, "--max-bad-share", max_bad_share_, "a larger share of lines that are no requests makes the log unusable; default 50%")
        ->group(kReading);
    app.add_option("--log-format", options_.log_format, "format of the logs; detected by content unless given")->group(kReading);
    app.add_option("--log-format-string", options_.log_pattern,
                   "how the lines of a text log are written: nginx's log_format ('$remote_addr [$time_local] \"$request\" $status') or "
                   "Apache's LogFormat ('%h %t \"%r\" %>s')")
        ->group(kReading);
    app.add_option("--map", options_.log_map,
                   "fields of a JSON access log: ts=.msec,url=.request_uri,... or a preset: nginx, envoy, caddy, traefik, express, winston, gcp, ecs")
        ->group(kReading);
}

void TrafficOptions::add_shaping(CLI::App& app) {
    replay::ShapeOptions& shape = options_.shape;
    app.add_option("--allow-method", shape.methods, "send these methods only: GET,HEAD")->delimiter(',')->group(kShaping);
    app.add_option("--deny-method", shape.not_methods, "leave these methods out")->delimiter(',')->group(kShaping);
    app.add_option("--allow-path", allow_paths_, "send only requests whose path and query match this regex (Perl's syntax); repeatable")
        ->group(kShaping);
    app.add_option("--deny-path", deny_paths_, "leave out requests whose path and query match this regex; repeatable")
        ->group(kShaping);
    app.add_option("--allow-host", shape.hosts,
                   "send only requests to this host (example.com, *.example.com, example.com:8080, * for all); repeatable; by default "
                   "all, and of a HAR those to the target's host, or else to the most frequent one")
        ->group(kShaping);
    add_fraction(app, "--sample", shape.sample, "send this share of the users (see --by): 10%")->group(kShaping);
    app.add_option("--shard", shard_, "send part INDEX of COUNT (see --by): 0/4")->group(kShaping);
    app.add_option("--by", key_,
                   "how --sample and --shard know users: header:NAME, cookie:NAME, query:NAME, field:NAME of the JSON body, "
                   "path, conn")
        ->group(kShaping);
    app.add_option("--session", session_,
                   "send requests with the same header:NAME, cookie:NAME, query:NAME, field:NAME or path on one connection, in order")
        ->group(kShaping);
    app.add_option("--rewrite-path", rewrites_, "REGEX=>REPLACEMENT: replace the first match in path and query, $1 is the first group; repeatable")->group(kShaping);
    app.add_option("--header", headers_, "NAME: VALUE to set in every request; repeatable")->group(kShaping);
    app.add_option("--drop-header", shape.drop_headers, "remove this header; repeatable")->group(kShaping);
    app.add_option("--host", shape.host, "send this Host header instead of the target's")->group(kShaping);
    app.add_flag("--keep-host", shape.keep_host, "send the recorded Host header, where there is one")->group(kShaping);
    app.add_flag("--allow-empty-body", shape.allow_empty_body,
                 "send requests whose body is not in the log without a body, instead of leaving them out")
        ->group(kShaping);
}

void TrafficOptions::add_sending(CLI::App& app) {
    app.add_option("--pace", pace_, "recorded, max, or a rate such as 500/s (open loop)")->capture_default_str()->group(kSending);
    app.add_option("--speed", speed_, "recorded pace this many times faster: 10x")->capture_default_str()->group(kSending);
    app.add_option("--connections", options_.connections, "open connections at most")->capture_default_str()->group(kSending);
    auto* per_connection = app.add_option("--requests-per-connection", options_.requests_per_connection,
                                          "close each connection after this many requests; 0: when the log or the target closes it")
                               ->check(CLI::Range(0, 1'000'000'000))
                               ->capture_default_str()
                               ->group(kSending);
    app.add_flag("--connection-per-request", connection_per_request_, "send each request on a new connection")
        ->excludes(per_connection)
        ->group(kSending);
    auto* fresh = app.add_option("--fresh", fresh_,
                                 "give this identifier new values each time the log is sent again: field:NAME of a JSON or form body, header:NAME, "
                                 "query:NAME, path:NUMBER of a segment, or auto to detect identifiers; repeatable")
                      ->group(kSending);
    app.add_flag("--no-fresh", no_fresh_, "send all identifiers as recorded")->excludes(fresh)->group(kSending);
    add_duration(app, "--timeout", options_.timeout, "per request, from its first attempt to its last byte")->group(kSending);
    add_duration(app, "--max-gap", options_.max_gap, "shorten longer pauses of the log to this")->group(kSending);
    add_duration(app, "--give-up", options_.give_up, "stop after this time without any connection")->group(kSending);
    add_fraction(app, "--max-failures", max_failures_, "a larger share of failed requests makes the run invalid (exit 4); default 10%")
        ->group(kSending);
    app.add_option("--reorder", options_.reorder, "records to look ahead, to sort those that are out of order")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str()
        ->group(kSending);
    app.add_flag("--precise", options_.precise, "send within microseconds of the due time; keeps a core busy")->group(kSending);
    app.add_option("--expect-status", expect_, "statuses that count as success: 200, 2xx,304, recorded")->group(kSending);
    app.add_option("--ca-file", options_.ca_file, "trust the certificate authorities in this PEM file")
        ->check(CLI::ExistingFile)
        ->group(kSending);
    app.add_flag("--insecure", insecure_, "do not verify https certificates")->group(kSending);
}

void TrafficOptions::apply_headers() {
    for (const std::string& text : headers_) {
        const std::size_t colon = text.find(':');
        if (colon == std::string::npos || colon == 0)
            throw Error(ErrorKind::usage, "--header", "'" + printable(text) + "' is not NAME: VALUE",
                        "--header 'Authorization: Bearer TOKEN'");
        const std::string_view name = trim(std::string_view(text).substr(0, colon)), value = trim(std::string_view(text).substr(colon + 1));
        if (http::equal_ignoring_case(name, "host")) options_.shape.host = value;
        else options_.shape.set_headers.emplace_back(name, value);
    }
}

void TrafficOptions::apply_fresh() {
    if (no_fresh_) options_.fresh.detect = false;
    for (const std::string& text : fresh_) {
        if (text == "auto") options_.fresh.detect = true;
        else options_.fresh.names.push_back(replay::parse_fresh_name(text));
    }
}

void TrafficOptions::apply() {
    replay::ShapeOptions& shape = options_.shape;
    options_.pace = parse_pace(pace_, speed_);
    options_.verify_certificate = !insecure_;
    if (max_bad_share_) options_.max_bad_share = *max_bad_share_;
    if (max_failures_) options_.max_failures = *max_failures_;
    if (!expect_.empty()) options_.expect = replay::parse_status_check(expect_);
    for (const std::string& text : allow_paths_) shape.paths.emplace_back("--allow-path", text);
    for (const std::string& text : deny_paths_) shape.not_paths.emplace_back("--deny-path", text);
    for (const std::string& text : rewrites_) shape.rewrites.push_back(replay::parse_path_rewrite(text));
    if (!key_.empty()) shape.key = replay::parse_record_key("--by", key_);
    if (!session_.empty()) shape.session = replay::parse_record_key("--session", session_);
    if (!shard_.empty()) shape.shard = replay::parse_shard(shard_);
    apply_headers();
    apply_fresh();
    if (connection_per_request_) options_.requests_per_connection = 1;
}

}  // namespace leakline::cli
