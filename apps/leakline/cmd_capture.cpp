// leakline capture: records requests as a reverse proxy, or from a network interface.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
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
#include "replay/live_capture.hpp"
#include "tls_options.hpp"
#include "until.hpp"

namespace leakline::cli {

namespace {

struct CaptureCommand {
    http::ProxyOptions proxy;
    replay::LiveCaptureOptions live;
    std::string listen = "127.0.0.1:8081", target, output, port_file;
    std::vector<std::string> redact;
    std::optional<Bytes> max_body;
    std::optional<Nanoseconds> duration;
    Nanoseconds grace = std::chrono::seconds(5);
    bool no_redaction = false, sessions = false;
};

replay::CaptureOptions log_options(const CaptureCommand& command, Messages& messages) {
    replay::CaptureOptions options;
    for (const std::string& name : command.redact) options.redaction.headers.push_back(name);
    if (command.no_redaction) options.redaction = Redaction::none();
    options.sessions = command.sessions;
    options.responses = command.proxy.keep_responses;
    if (command.max_body) options.max_body = *command.max_body;
    messages.detail(fmt::format("redacted headers: {}", options.redaction.headers.empty()
                                                            ? "none"
                                                            : fmt::format("{}", fmt::join(options.redaction.headers, ", "))));
    return options;
}

// "12 requests over 3 connections, 12 written", and what else is not 0.
class Summary {
  public:
    Summary(std::uint64_t requests, std::uint64_t connections, std::uint64_t written)
        : text_(fmt::format("{} over {}, {} written", counted(requests, "request"), counted(connections, "connection"),
                            format_count(written))) {}
    Summary& add(std::uint64_t count, std::string_view what) { return count > 0 ? add_always(count, what) : *this; }
    Summary& add_always(std::uint64_t count, std::string_view what) {
        text_ += fmt::format(", {} {}", format_count(count), what);
        return *this;
    }
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

constexpr const char* kTooLarge = "not recorded because of their size (--max-body)";

int run_live(const CaptureCommand& command, Messages& messages, const std::stop_token& stop) {
    replay::LiveCaptureOptions live = command.live;
    live.responses = command.proxy.keep_responses;
    replay::LiveCapture capture(live);
    replay::CaptureLog log(command.output, log_options(command, messages));
    messages.note(fmt::format("capturing {} {} on {} into {}; press Ctrl-C to stop", command.live.ports.size() == 1 ? "port" : "ports",
                              fmt::join(command.live.ports, ", "), command.live.interface, command.output));
    const auto take = [&](Request&& request) { log.write(std::move(request)); };
    std::optional<Error> failure;
    Until until(command.duration, stop);
    try {
        while (const auto wait = until.next_wait()) {
            capture.step(*wait, take);
            if (command.output == "-") continue;  // which may be the same terminal
            const auto counts = capture.counts();
            std::string what = fmt::format("{} over {}", counted(counts.requests, "request"), counted(counts.connections, "connection"));
            if (counts.dropped > 0) what += fmt::format(", {} lost", counted(counts.dropped, "packet"));
            messages.progress("capture", what, until.share());
        }
        capture.finish(take);
    } catch (const Error& error) {
        failure = error;
    }
    const auto counts = capture.counts();
    for (const std::string& line : capture.lost().lines()) messages.warn(line);
    for (const std::string& warning : capture.warnings()) messages.warn(fmt::format("{}: {}", command.live.interface, warning));
    if (counts.dropped > 0)
        messages.warn(fmt::format("{}: {} of {} were lost, because the machine was too busy to record them", command.live.interface,
                                  format_count(counts.dropped), counted(counts.packets + counts.dropped, "packet")));
    Summary summary(counts.requests, counts.connections, log.written());
    if (live.responses) summary.add_always(log.responses(), "with responses");
    messages.note(summary.add(log.too_large(), kTooLarge).add(capture.lost().count(), "not recorded because packets are missing").text());
    if (failure) throw *failure;
    return kNoLeak;
}

int run_proxy(const CaptureCommand& command, Messages& messages, const std::stop_token& stop) {
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

    replay::CaptureLog log(command.output, log_options(command, messages));

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
    messages.note(fmt::format("capturing {}://{} -> {} into {}; press Ctrl-C to stop", options.certificate_file.empty() ? "http" : "https",
                              listen.text(), options.target.origin(), command.output));
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
    Summary summary(counts.requests, counts.connections, log.written());
    if (options.keep_responses) summary.add_always(log.responses(), "with responses");
    messages.note(summary.add(log.too_large(), kTooLarge)
                      .add(log.over_budget(), "not recorded because the bodies in transit exceeded the memory budget")
                      .add(log.cut(), "not recorded because the body was incomplete")
                      .add(counts.failed, "without a complete response from the target (502)")
                      .add(counts.handshakes_failed, "TLS handshakes of clients failed")
                      .add(counts.not_http, "refused as WebSocket or CONNECT (501)")
                      .add(counts.exhausted, "ended because memory or threads ran out (503)")
                      .add(counts.refused, "rejected over --max-connections (503)")
                      .text());
    return kNoLeak;  // being interrupted is how a capture ends
}

int run_capture(const CaptureCommand& command, Messages& messages, const std::stop_token& stop) {
    messages.open();
    if (!command.live.interface.empty()) return run_live(command, messages, stop);
    if (command.target.empty())
        throw Error(ErrorKind::usage, "leakline capture", "nothing to capture from",
                    "--target URL forwards requests to a service; --interface lo --port 8080 records those that pass an interface");
    return run_proxy(command, messages, stop);
}

}  // namespace

Run declare_capture(CLI::App& app) {
    auto command = std::make_shared<CaptureCommand>();
    auto messages = std::make_shared<Messages>(app);
    auto* const listen = app.add_option("--listen", command->listen, "Address to listen on; port 0: any free port")
                             ->type_name("ADDRESS:PORT")
                             ->capture_default_str();
    auto* const target = app.add_option("--target", command->target, "Service to forward to: http://host:port, https://host or unix:/path")
                             ->type_name("URL");
    auto* const interface =
        app.add_option("--interface", command->live.interface,
                       "Instead of a proxy: record what passes this network interface (lo, eth0; any: all), for example --interface lo "
                       "--port 8080; needs root or CAP_NET_RAW")
            ->type_name("NAME")
            ->excludes(listen)
            ->excludes(target);
    interface->needs(app.add_option("--port", command->live.ports, "With --interface: port of the service; up to 16")
                         ->type_name("PORT")
                         ->check(between(1, 65'535))
                         ->needs(interface));
    auto* const certificate =
        app.add_option(
               "--listen-cert", command->proxy.certificate_file,
               "Clients connect with TLS: certificate to show them, followed by its intermediates (PEM); the file may also have the private key")
            ->type_name("FILE")
            ->check(CLI::ExistingFile)
            ->excludes(interface);
    app.add_option("--listen-key", command->proxy.key_file, "Private key of that certificate (PEM, not encrypted)")
        ->type_name("FILE")
        ->check(CLI::ExistingFile)
        ->needs(certificate);
    app.add_flag("--listen-http2", command->proxy.offer_http2,
                 "Offer HTTP/2 to clients with TLS (ALPN), as gRPC needs it; the target must speak it")
        ->needs(certificate);
    app.add_option("-o,--output", command->output, "Log to append to (-: standard output)")->required()->type_name("FILE");
    app.add_option("--redact", command->redact, "Also redact the value of this header")->type_name("HEADER");
    app.add_flag("--no-redaction", command->no_redaction, "Record credentials too (Authorization, Cookie, access_token, ...)");
    app.add_flag("--sessions", command->sessions, "Record which requests shared a connection, so that a replay does the same");
    app.add_flag(
        "--responses", command->proxy.keep_responses,
        "Record responses too, for leakline stub; their bodies may hold credentials, which are not redacted (with --interface: only "
        "HTTP/1)");
    add_size(app, "--max-body", command->max_body, "Maximum size of a body to record; larger requests are only forwarded (default: 16MiB)");
    app.add_option("--max-connections", command->proxy.max_connections,
                   "Maximum number of concurrent client connections, 1 to 10000; more get a 503")
        ->type_name("N")
        ->check(between(1, 10'000))
        ->capture_default_str()
        ->excludes(interface);
    add_duration(app, "--duration", command->duration, "Stop after this time");
    add_duration(app, "--grace", command->grace, "Time for requests in progress to finish when capture stops")->excludes(interface);
    add_port_file(app, command->port_file);
    add_tls_options(app, command->proxy.connect);
    return [=](const Interruption& interruption) { return run_capture(*command, *messages, interruption.stop); };
}

}  // namespace leakline::cli
