// leakline capture: a reverse proxy that records what goes through it.
#include <fmt/format.h>

#include <atomic>
#include <memory>
#include <mutex>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "choice.hpp"
#include "commands.hpp"
#include "details.hpp"
#include "exit_code.hpp"
#include "http/recording_proxy.hpp"
#include "http/url.hpp"
#include "messages.hpp"
#include "port_file.hpp"
#include "quantity_options.hpp"
#include "replay/capture.hpp"
#include "tls_options.hpp"
#include "until.hpp"

namespace leakline::cli {

namespace {

struct CaptureCommand {
    http::ProxyOptions proxy;
    std::string listen = "127.0.0.1:8081", target, output, port_file;
    std::vector<std::string> redact;
    std::optional<Bytes> max_body;
    std::optional<Nanoseconds> duration;
    Nanoseconds grace = std::chrono::seconds(5);
    bool no_redaction = false, sessions = false;
};

int run_capture(const CaptureCommand& command, Messages& messages, const std::stop_token& stop) {
    messages.open();
    http::ProxyOptions options = command.proxy;
    http::ListenAddress listen = http::parse_listen(command.listen);
    options.address = listen.address;
    options.port = listen.port;
    options.target = http::parse_url(command.target);
    if (options.target.target != "/")
        throw Error(ErrorKind::usage, "--target", "'" + printable(command.target) + "' has a path, and requests have their own",
                    "--target " + options.target.origin());
    if (command.max_body) options.max_kept_body = *command.max_body;
    options.body_budget = std::max(options.body_budget, 4 * options.max_kept_body);

    replay::CaptureOptions capture;
    for (const std::string& name : command.redact) capture.redaction.headers.push_back(name);
    if (command.no_redaction) capture.redaction = Redaction::none();
    capture.sessions = command.sessions;
    capture.responses = options.keep_responses;
    replay::CaptureLog log(command.output, capture);

    // Nothing throws across the proxy's threads: the first failure to write ends the capture.
    std::atomic<bool> broken{false};
    std::optional<Error> failure;  // written before broken is set, read after
    http::RecordingProxy proxy(options, [&](http::ProxiedRequest&& request) {
        if (broken) return;
        try {
            log.write(std::move(request));
        } catch (const Error& error) {
            failure = error;
            broken = true;
        }
    });
    proxy.start();
    listen.port = proxy.port();
    write_port_file(command.port_file, proxy.port());
    messages.note(
        fmt::format("capturing http://{} -> {} into {}; press Ctrl-C to stop", listen.text(), options.target.origin(), command.output));
    messages.detail(fmt::format("redacted headers: {}", capture.redaction.headers.empty()
                                                            ? "none"
                                                            : fmt::format("{}", fmt::join(capture.redaction.headers, ", "))));
    messages.detail(fmt::format("bodies recorded up to {}, up to {} connections at once",
                                format_bytes(static_cast<double>(options.max_kept_body)), options.max_connections));
    Until until(command.duration, stop);
    while (!broken && until.step()) {
        if (command.output == "-") continue;  // which may be the same terminal
        messages.progress(
            "capture",
            fmt::format("{} over {}", counted(proxy.counts().requests, "request"), counted(proxy.counts().connections, "connection")),
            until.share());
    }
    proxy.stop(command.grace);
    if (failure) throw *failure;
    const http::ProxyCounts counts = proxy.counts();
    std::string summary = fmt::format("{} over {}, {} written", counted(counts.requests, "request"),
                                      counted(counts.connections, "connection"), format_count(log.written()));
    const auto add = [&](std::uint64_t count, const char* what) {
        if (count > 0) summary += fmt::format(", {} {}", format_count(count), what);
    };
    if (options.keep_responses) summary += fmt::format(", {} with responses", format_count(log.responses()));
    add(log.too_large(), "not recorded because of their size (--max-body)");
    add(log.over_budget(), "not recorded because the bodies in transit exceeded the memory budget");
    add(log.cut(), "not recorded because the body was incomplete");
    add(counts.failed, "without a complete response from the target (502)");
    add(counts.not_http, "refused as WebSocket or CONNECT (501)");
    add(counts.exhausted, "ended because memory or threads ran out (503)");
    add(counts.refused, "rejected over --max-connections (503)");
    messages.note(summary);
    return kNoLeak;  // being interrupted is how a capture ends
}

}  // namespace

Run declare_capture(CLI::App& app) {
    auto command = std::make_shared<CaptureCommand>();
    auto messages = std::make_shared<Messages>(app);
    app.add_option("--listen", command->listen, "Address to listen on; port 0: any free port")
        ->type_name("ADDRESS:PORT")
        ->capture_default_str();
    app.add_option("--target", command->target, "Service to forward to: http://host:port, https://host or unix:/path")
        ->required()
        ->type_name("URL");
    app.add_option("-o,--output", command->output, "Log to append to (-: standard output)")->required()->type_name("FILE");
    app.add_option("--redact", command->redact, "Also redact the value of this header")->type_name("HEADER");
    app.add_flag("--no-redaction", command->no_redaction, "Record credentials too (Authorization, Cookie, access_token, ...)");
    app.add_flag("--sessions", command->sessions, "Record which requests shared a connection, so that a replay does the same");
    app.add_flag("--responses", command->proxy.keep_responses,
                 "Record responses too, for leakline stub; their bodies may hold credentials, which are not redacted");
    add_size(app, "--max-body", command->max_body, "Maximum size of a body to record; larger requests are only forwarded (default: 16MiB)");
    app.add_option("--max-connections", command->proxy.max_connections,
                   "Maximum number of concurrent client connections, 1 to 10000; more get a 503")
        ->type_name("N")
        ->check(between(1, 10'000))
        ->capture_default_str();
    add_duration(app, "--duration", command->duration, "Stop after this time");
    add_duration(app, "--grace", command->grace, "Time for requests in progress to finish when capture stops");
    add_port_file(app, command->port_file);
    add_tls_options(app, command->proxy.connect);
    return [=](const Interruption& interruption) { return run_capture(*command, *messages, interruption.stop); };
}

}  // namespace leakline::cli
