// Checks the options of a replay.
#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "http/url.hpp"
#include "replay/log.hpp"
#include "replay/replay.hpp"
#include "replay/selected_log.hpp"
#include "replay/wire.hpp"

namespace leakline::replay {

namespace {

void check_headers(const ShapeOptions& shape) {
    Record probe;
    probe.method = "GET";
    probe.target = "/";
    std::string wire;
    for (const auto& [name, value] : shape.set_headers) {
        probe.headers = {{name, value}};
        wire.clear();
        if (!append_wire(wire, probe, "host")) throw Error(ErrorKind::usage, "--header", why_not_sent(probe), "--header 'NAME: VALUE'");
        if (wire.find(name) == wire.npos)
            throw Error(ErrorKind::usage, "--header",
                        "'" + printable(name) + "' describes the connection, and is set by the replay itself");
    }
}

}  // namespace

bool StatusCheck::accepts(int status, int recorded_status) const {
    if (recorded && (recorded_status == 0 || status == recorded_status)) return true;
    return std::any_of(allowed.begin(), allowed.end(), [&](int entry) { return entry < 10 ? status / 100 == entry : status == entry; });
}

StatusCheck parse_status_check(const std::string& text) {
    StatusCheck check;
    check.text = text;
    for (const std::string_view entry : split(text, ',')) {
        const std::string word(trim(entry));
        const bool digit = !word.empty() && word[0] >= '1' && word[0] <= '9';
        if (word == "recorded")
            check.recorded = true;
        else if (word.size() == 3 && digit && word.substr(1) == "xx")
            check.allowed.push_back(word[0] - '0');
        else if (word.size() == 3 && digit && word.find_first_not_of("0123456789") == word.npos)
            check.allowed.push_back(std::stoi(word));
        else
            throw Error(ErrorKind::usage, "--expect-status", "'" + printable(word) + "' is not a status, a class or recorded",
                        "--expect-status 2xx,304");
    }
    return check;
}

void check(const ReplayOptions& options) {
    const auto refuse = [](const char* option, const char* message) { throw Error(ErrorKind::usage, option, message); };
    if (options.connections < 1 || options.connections > 60'000) refuse("--connections", "must be 1 to 60000");
    if (options.streams < 1 || options.streams > 10'000) refuse("--streams", "must be 1 to 10000");
    if (options.streams > 1 && options.connect.version != http::HttpVersion::http2)
        throw Error(ErrorKind::usage, "--streams", "several requests at a time on one connection require HTTP/2",
                    "--http2 --streams " + std::to_string(options.streams));
    if (options.requests_per_connection < 0) refuse("--requests-per-connection", "must be 0 or more");
    if (options.rounds < 0) refuse("--rounds", "must be 0 or more");
    if (!(options.pace.speed > 0)) refuse("--speed", "must be above 0");
    if (options.pace.kind == Pace::Kind::rate && !(options.pace.rate > 0)) refuse("--pace", "a rate must be above 0");
    if (options.timeout.count() <= 0) refuse("--timeout", "must be above 0");
    const http::Url target = options.target.empty() ? http::Url() : http::parse_url(options.target);
    if (target.target != "/")
        throw Error(ErrorKind::usage, "--target", "'" + printable(options.target) + "' has a path, and the log has its own",
                    "--target " + target.origin() + " --rewrite-path '^=>" + target.target + "' puts it in front");
    if (options.shape.sample && !(*options.shape.sample > 0 && *options.shape.sample <= 1))
        refuse("--sample", "must be above 0 % and at most 100 %");
    check_headers(options.shape);
    check(options.values);
    if (options.fresh.any() && !options.fresh_plan) require_repeatable(options.logs);
    if (options.rounds != 1) require_repeatable(options.logs);
}

ShapeOptions choose_hosts(const ReplayOptions& options) {
    ShapeOptions shape = options.shape;
    if (!shape.hosts.empty()) return shape;
    LogOptions reading = log_options(options);
    reading.max_bad_lines = std::numeric_limits<std::uint64_t>::max();  // which the sending pass reports
    reading.max_bad_share = 1;
    HostCounts counts;
    for (const std::string& path : options.logs) {
        if (!is_repeatable(path)) continue;
        Log log({path}, reading);
        if (!log.of_client()) continue;
        Record record;
        while (log.next(record))
            if (const std::string_view host = authority_of_target(record.target); !host.empty()) counts.add(host);
    }
    const std::string target = options.target.empty() ? "" : http::parse_url(options.target).authority();
    const std::string host = default_host(counts, target);
    if (host.empty()) return shape;
    shape.hosts = {host};
    shape.hosts_reason =
        !target.empty() && without_port(comparable_host(target)) == without_port(host) ? "the target's" : "the log's most frequent";
    return shape;
}

}  // namespace leakline::replay
