// trackd: the reference tracking service. Options in, one service up, a clean end on SIGTERM or SIGINT.
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "service/service.hpp"

namespace {

using namespace leakline;

constexpr std::chrono::seconds kDrainGrace{5};

struct Options {
    std::string mode = "leaky", listen = "127.0.0.1:8080", database, record_file, port_file, durability = "process";
    std::string body_limit = "1MiB";
    std::size_t capacity = 1000, connections = 1024;
    int threads = 0;
};

// "127.0.0.1:8080", "[::1]:8080", ":8080" (loopback) or "8080".
void set_listen_address(http::ServerOptions& server, const std::string& text) {
    const std::size_t colon = text.rfind(':');
    std::string address = colon == std::string::npos ? "" : text.substr(0, colon);
    const std::string port = colon == std::string::npos ? text : text.substr(colon + 1);
    if (address.size() > 1 && address.front() == '[' && address.back() == ']')
        address = address.substr(1, address.size() - 2);
    if (address == "localhost") address = "127.0.0.1";
    if (!address.empty()) server.address = address;
    const auto result = std::from_chars(port.data(), port.data() + port.size(), server.port);
    if (result.ec != std::errc() || result.ptr != port.data() + port.size())
        throw Error(ErrorKind::usage, "--listen", "'" + printable(text) + "' has no port between 0 and 65535",
                    "as in --listen 127.0.0.1:8080; port 0 takes a free one");
}

// A connection is a descriptor, and the usual soft limit is 1024.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void wait_for_signal() {
    pollfd signal{interruption::descriptor(), POLLIN, 0};
    while (interruption::received() == 0) ::poll(&signal, 1, -1);
}

int serve(const Options& options) {
    raise_descriptor_limit();
    service::ServiceOptions settings;
    settings.mode = options.mode;
    settings.limits.entries = options.capacity;
    settings.record_file = options.record_file;
    settings.store.durability = service::durability_named(options.durability);
    set_listen_address(settings.server, options.listen);
    settings.server.connection_limit = options.connections;
    settings.server.threads =
        options.threads > 0 ? options.threads : static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 4U));
    const auto body_limit = parse_size(options.body_limit);
    if (!body_limit)
        throw Error(ErrorKind::usage, "--body-limit", "'" + printable(options.body_limit) + "' is not a size",
                    "as in --body-limit 1MiB");
    settings.server.body_limit = *body_limit;

    std::optional<TemporaryDirectory> temporary;  // goes with all that is in it, after the service
    settings.store.path = options.database;
    if (options.database.empty()) settings.store.path = temporary.emplace().path() + "/trackd.db";

    service::Service service(settings, system_clock());
    service.on_error([](const std::string& reason) { fmt::print(stderr, "trackd: {}\n", reason); });
    service.start();
    fmt::print(stderr, "trackd: mode {}, listening on http://{}:{}\n", options.mode,
               settings.server.address.find(':') == std::string::npos ? settings.server.address
                                                                      : "[" + settings.server.address + "]",
               service.port());
    if (!options.port_file.empty()) {
        OutputFile file(options.port_file);
        file.write(std::to_string(service.port()) + "\n");
        file.commit();
    }
    wait_for_signal();
    fmt::print(stderr, "trackd: stopping\n");
    if (!service.stop(kDrainGrace))
        fmt::print(stderr, "trackd: some connections were still open after {} s and were cut off\n", kDrainGrace.count());
    return 0;
}

std::string modes_text() {
    std::string text = "what the event cache lets go:";
    for (const service::CacheModeRow& row : service::cache_modes())
        text += fmt::format("\n{} = {}", row.name, row.summary);
    return text;
}

int run(int argc, char** argv) {
    CLI::App app{"The reference tracking service: POST /api/track, GET /api/users/{id}/events, /metrics, /healthz"};
    app.name("trackd");
    app.set_version_flag("--version", "trackd " LEAKLINE_VERSION);
    app.footer("Example:\n  trackd --mode bounded --capacity 1000 --listen 127.0.0.1:8080 --db events.db");
    app.get_formatter()->column_width(34);
    app.option_defaults()->always_capture_default();
    Options options;
    app.add_option("--mode", options.mode, modes_text());
    app.add_option("--listen", options.listen, "ADDRESS:PORT; port 0 takes a free one")->type_name("ADDR");
    app.add_option("--capacity", options.capacity, "records that the cache keeps, where its mode has a limit")
        ->type_name("N")
        ->check(CLI::Range(std::size_t{1}, std::size_t{100'000'000}));
    app.add_option("--db", options.database,
                   "where events are saved: a file, :memory: or none; by default a temporary file that goes at the end")
        ->type_name("FILE");
    app.add_option("--durability", options.durability,
                   "what a 200 promises: none (queued), process (survives kill -9), power (synced to disk)")
        ->type_name("LEVEL");
    app.add_option("--record", options.record_file, "append every API request to this log, for leakline replay")
        ->type_name("FILE");
    app.add_option("--port-file", options.port_file, "write the bound port there once the service listens")
        ->type_name("FILE");
    app.add_option("--threads", options.threads, "event loops; 0: one for each core, at most 4")->type_name("N")
        ->check(CLI::Range(0, 256));
    app.add_option("--connections", options.connections, "connections served at once; one more gets a 503")
        ->type_name("N")
        ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}));
    app.add_option("--body-limit", options.body_limit, "largest request body; a longer one gets a 413")
        ->type_name("SIZE");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);
        fmt::print(stderr, "trackd: {}\n  hint: trackd --help\n", error.what());
        return 2;
    }
    return serve(options);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        interruption::install();
        return run(argc, argv);
    } catch (const Error& error) {
        fmt::print(stderr, "trackd: {}\n", error.what());
        return error.kind() == ErrorKind::system ? 4 : 2;
    } catch (const std::exception& error) {
        fmt::print(stderr, "trackd: internal error: {}\n", error.what());
        return 4;
    }
}
