#include "traffic_options.hpp"

#include <CLI/CLI.hpp>
#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "choice.hpp"
#include "pace.hpp"
#include "quantity_options.hpp"
#include "replay/find_values.hpp"
#include "tls_options.hpp"

namespace leakline::cli {

namespace {

constexpr const char* kReading = "Reading logs";
constexpr const char* kShaping = "Filters and changes";
constexpr const char* kSending = "Sending";

}  // namespace

TrafficOptions::TrafficOptions(CLI::App& app, replay::ReplayOptions& options, Scope scope, std::string pace)
    : options_(options), default_pace_(std::move(pace)), pace_(default_pace_) {
    if (scope == Scope::sending) add_sending(app);
    add_reading(app);
    add_shaping(app);
}

void TrafficOptions::add_logs(CLI::App& app) {
    app.add_option("log", options_.logs, "Request logs, merged by time (plain, gzip or zstd; -: standard input)")
        ->required()
        ->type_name("LOG");
}

void TrafficOptions::add_reading(CLI::App& app) {
    app.add_option("--max-bad-lines", options_.max_bad_lines, "Maximum number of unreadable lines; more stop the command")
        ->type_name("N")
        ->capture_default_str()
        ->group(kReading);
    add_fraction(app, "--max-bad-share", max_bad_share_, "Refuse the log if a larger share of its lines are not requests (default: 50%)")
        ->group(kReading);
    app.add_option("--log-format", options_.log_format, "Format of the logs (default: detected by content)")
        ->type_name("NAME")
        ->group(kReading);
    app.add_option("--log-format-string", options_.log_pattern,
                   "Format string of a text log: nginx's log_format ('$remote_addr [$time_local] \"$request\" $status') or "
                   "Apache's LogFormat ('%h %t \"%r\" %>s'); '...' at the start is any text: '... $method $url $status'")
        ->type_name("STRING")
        ->group(kReading);
    app.add_option(
           "--map", options_.log_map,
           "Fields of a JSON access log, or of logfmt, LTSV or CSV: ts=.msec,url=.request_uri,... or a preset: nginx, envoy, caddy, traefik, "
           "express, winston, gcp, ecs, kong, azure, cloudflare, akamai, k6, jmeter, logbook")
        ->type_name("FIELDS")
        ->group(kReading);
}

void TrafficOptions::add_shaping(CLI::App& app) {
    replay::ShapeOptions& shape = options_.shape;
    app.add_option("--allow-method", shape.methods, "Send only these methods, such as GET,HEAD")
        ->type_name("METHODS")
        ->delimiter(',')
        ->group(kShaping);
    app.add_option("--deny-method", shape.not_methods, "Do not send these methods")->type_name("METHODS")->delimiter(',')->group(kShaping);
    app.add_option("--allow-path", allow_paths_, "Send only requests whose path and query match this regular expression (Perl syntax)")
        ->type_name("REGEX")
        ->group(kShaping);
    app.add_option("--deny-path", deny_paths_, "Do not send requests whose path and query match this regular expression")
        ->type_name("REGEX")
        ->group(kShaping);
    app.add_option("--allow-host", shape.hosts,
                   "Send only requests to this host: example.com, *.example.com, example.com:8080, or * for all (default: all; for HAR, "
                   "the target's host, else the most frequent host)")
        ->type_name("HOST")
        ->group(kShaping);
    add_fraction(app, "--sample", shape.sample, "Send only this share of the users (see --by), such as 10%")->group(kShaping);
    app.add_option("--shard", shard_, "Send only one part of the users (see --by), such as 0/4, the first of four")
        ->type_name("INDEX/COUNT")
        ->group(kShaping);
    app.add_option("--by", key_,
                   "What identifies a user for --sample and --shard: header:NAME, cookie:NAME, query:NAME, field:NAME of the JSON body, "
                   "path or conn (the connection)")
        ->type_name("KEY")
        ->group(kShaping);
    app.add_option("--session", session_,
                   "Send requests with the same header:NAME, cookie:NAME, query:NAME, field:NAME or path on one connection, in order")
        ->type_name("KEY")
        ->group(kShaping);
    app.add_option("--rewrite-path", rewrites_, "Replace the first match in path and query; $1 is the first group")
        ->type_name("'REGEX=>REPLACEMENT'")
        ->group(kShaping);
    app.add_option("--header", headers_, "Set this header in every request")->type_name("'NAME: VALUE'")->group(kShaping);
    app.add_option("--drop-header", shape.drop_headers, "Remove this header")->type_name("NAME")->group(kShaping);
    app.add_option("--host", shape.host, "Send this Host header instead of the target's")->type_name("HOST")->group(kShaping);
    app.add_flag("--keep-host", shape.keep_host, "Send the recorded Host header")->group(kShaping);
    app.add_flag("--allow-empty-body", shape.allow_empty_body,
                 "Send requests whose body is not in the log with an empty body instead of skipping them")
        ->group(kShaping);
}

void TrafficOptions::add_sending(CLI::App& app) {
    app.add_option("--pace", pace_, "Pace of the requests: recorded, max, or a rate such as 500/s")
        ->type_name("PACE")
        ->capture_default_str()
        ->group(kSending);
    app.add_option("--speed", speed_, "Multiply the recorded pace, such as 10x")
        ->type_name("FACTOR")
        ->capture_default_str()
        ->group(kSending);
    app.add_option("--connections", options_.connections, "Maximum number of open connections")
        ->type_name("N")
        ->capture_default_str()
        ->group(kSending);
    auto* http2 = app.add_flag_callback(
                         "--http2", [this] { options_.connect.version = http::HttpVersion::http2; },
                         "Send HTTP/2: over http by prior knowledge, over https only if the target offers it (default: HTTP/1.1 over http; "
                         "over https, what the target chooses)")
                      ->group(kSending);
    app.add_flag_callback(
           "--http1", [this] { options_.connect.version = http::HttpVersion::http1; }, "Send HTTP/1.1 over https, too")
        ->excludes(http2)
        ->group(kSending);
    app.add_option("--streams", options_.streams, "With --http2, maximum number of concurrent requests per connection")
        ->type_name("N")
        ->check(between(1, 10'000))
        ->capture_default_str()
        ->group(kSending);
    auto* per_connection = app.add_option("--requests-per-connection", options_.requests_per_connection,
                                          "Close each connection after this many requests; 0: when the log or the target closes it")
                               ->type_name("N")
                               ->check(between(0, 1'000'000'000))
                               ->capture_default_str()
                               ->group(kSending);
    app.add_flag("--connection-per-request", connection_per_request_, "Send each request on a new connection")
        ->excludes(per_connection)
        ->group(kSending);
    auto* fresh =
        app.add_option("--fresh", fresh_,
                       "Give this identifier new values each time the log is repeated: field:NAME of a JSON or form body, header:NAME, "
                       "query:NAME, path:NUMBER of a segment, or auto to detect identifiers")
            ->type_name("IDENTIFIER")
            ->group(kSending);
    app.add_flag("--no-fresh", no_fresh_, "Send all identifiers as recorded")->excludes(fresh)->group(kSending);
    app.add_option("--extract", extract_,
                   "Take a value from responses: NAME=[METHOD] [/PATH] SOURCE, where SOURCE is .body.a[0].b, header:NAME or cookie:NAME, "
                   "such as 'token=POST /login .body.access_token'; auto: find values and where they are sent in a log with responses")
        ->type_name("NAME=SOURCE")
        ->group(kSending);
    app.add_option("--substitute", substitute_,
                   "Send extracted values of the same session in place of recorded ones: [METHOD] [/PATH] TARGET=TEXT, where TARGET is "
                   "header:NAME, cookie:NAME, query:NAME, path:/a/* or .body.a[0].b, such as 'header:Authorization=Bearer {token}'")
        ->type_name("TARGET=TEXT")
        ->group(kSending);
    app.add_flag("--cookies", options_.values.cookies, "Send the cookies that the service has set in the session, as a browser does")
        ->group(kSending);
    app.add_option("--missing-value", options_.values.missing,
                   "Request for which no response of its session gave a value: skip it, send it as recorded, or take the value that any "
                   "session got last (shared)")
        ->transform(choice_of<replay::MissingValue>(
            {{"skip", replay::MissingValue::skip}, {"recorded", replay::MissingValue::recorded}, {"shared", replay::MissingValue::shared}}))
        ->type_name("skip|recorded|shared")
        ->default_str("skip")
        ->group(kSending);
    add_duration(app, "--timeout", options_.timeout, "Timeout per request, from its first attempt to its last byte")->group(kSending);
    add_duration(app, "--max-gap", options_.max_gap, "Shorten longer pauses in the log to this")->group(kSending);
    add_duration(app, "--give-up", options_.give_up, "Stop if no connection succeeds for this long")->group(kSending);
    add_fraction(app, "--max-failures", max_failures_,
                 "Declare the run invalid (exit code 4) if a larger share of requests fails (default: 10%)")
        ->group(kSending);
    app.add_option("--reorder", options_.reorder, "Number of records to read ahead, to sort records that are out of order, 1 to 1000000")
        ->type_name("N")
        ->check(between(1, 1'000'000))
        ->capture_default_str()
        ->group(kSending);
    app.add_flag("--precise", options_.precise, "Send within microseconds of the scheduled time; uses a full core")->group(kSending);
    app.add_option("--expect-status", expect_, "Statuses that count as success: 200, 2xx,304 or recorded")
        ->type_name("STATUSES")
        ->group(kSending);
    add_tls_options(app, options_.connect, kSending);
}

void TrafficOptions::apply_headers() {
    for (const std::string& text : headers_) {
        const std::size_t colon = text.find(':');
        if (colon == std::string::npos || colon == 0)
            throw Error(ErrorKind::usage, "--header", "'" + printable(text) + "' is not NAME: VALUE",
                        "--header 'Authorization: Bearer TOKEN'");
        const std::string_view name = trim(std::string_view(text).substr(0, colon)), value = trim(std::string_view(text).substr(colon + 1));
        if (equal_ignoring_case(name, "host"))
            options_.shape.host = value;
        else
            options_.shape.set_headers.emplace_back(name, value);
    }
}

void TrafficOptions::apply_fresh() {
    if (no_fresh_) options_.fresh.detect = false;
    for (const std::string& text : fresh_) {
        if (text == "auto")
            options_.fresh.detect = true;
        else
            options_.fresh.names.push_back(replay::parse_fresh_name(text));
    }
}

void TrafficOptions::apply_values() {
    if (std::erase(extract_, "auto") > 0) options_.values = replay::find_values(options_);
    for (const std::string& text : extract_) options_.values.extractions.push_back(replay::parse_extraction(text));
    for (const std::string& text : substitute_)
        options_.values.substitutions.push_back(replay::parse_substitution(text, options_.values.extractions));
}

void TrafficOptions::apply() {
    replay::ShapeOptions& shape = options_.shape;
    options_.pace = parse_pace(pace_, speed_);
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
    apply_values();
    if (connection_per_request_) options_.requests_per_connection = 1;
}

}  // namespace leakline::cli
