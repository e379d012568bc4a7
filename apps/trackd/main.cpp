// trackd: the reference tracking service. Options in, one service up, a clean end on SIGTERM or SIGINT.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "base/exposition.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "help_formatter.hpp"
#include "http/url.hpp"
#include "port_file.hpp"
#include "print_error.hpp"
#include "service/periodic_job.hpp"
#include "service/service.hpp"
#include "standard_descriptors.hpp"
#include "system/clock.hpp"
#include "system/end_signals.hpp"
#include "system/stop.hpp"
#include "system/temporary_directory.hpp"
#include "trackd/options.hpp"

namespace {

using namespace leakline;

constexpr std::chrono::seconds kDrainGrace{5};

// A connection is a descriptor, and the usual soft limit is 1024.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

// Memory is looked at every second of the service's time, but not more than twenty times a real second.
Nanoseconds scaled_watch_period(double time_scale) {
    const double seconds = std::max(1.0, 0.05 * time_scale);
    return Nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

void add_alert_metrics(Exposition& text, const alert::MemoryMonitor& monitor) {
    using Type = MetricType;
    const alert::MemoryMonitor::Counts counts = monitor.counts();
    text.single("trackd_alert_firing", Type::gauge, "1 while memory is over --alert-at.", monitor.firing() ? 1 : 0);
    text.single("trackd_alerts_sent_total", Type::counter, "Alert messages delivered.", counts.sent);
    text.single("trackd_alert_failures_total", Type::counter, "Attempts to deliver an alert that failed.", counts.failed_attempts);
    text.single("trackd_alerts_given_up_total", Type::counter, "Alert messages never delivered.", counts.given_up);
}

int serve(const TrackdOptions& options, const std::stop_token& stop) {
    raise_descriptor_limit();
    service::ServiceOptions settings;
    settings.mode = options.mode;
    settings.limits.entries = options.capacity;
    settings.record_file = options.record_file;
    settings.store.durability = service::durability_named(options.durability);
    http::ListenAddress listen = http::parse_listen(options.listen);
    settings.server.address = listen.address;
    settings.server.port = listen.port;
    settings.server.connection_limit = options.connections;
    settings.server.threads =
        options.threads > 0 ? options.threads : static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 4U));
    if (options.body_limit) settings.server.body_limit = *options.body_limit;
    if (options.cache_bytes) settings.limits.bytes = *options.cache_bytes;
    settings.limits.ttl = options.ttl;
    settings.sweep_every = options.sweep_every;
    settings.store.size_limit = options.database_limit.value_or(0);
    settings.memory_limit = cli::effective_memory_limit(::getpid(), options.memory_limit);

    std::optional<TemporaryDirectory> temporary;  // goes with all that is in it, after the service
    settings.store.path = options.database;
    if (options.database.empty()) settings.store.path = temporary.emplace().path() + "/trackd.db";

    std::unique_ptr<alert::MemoryMonitor> monitor;  // outlives the service, which shows its counts
    service::ScaledClock clock(system_clock(), options.time_scale);
    service::Service service(settings, clock);
    const auto say = [](const std::string& line) { print_error("trackd: {}\n", line); };
    service.on_error(say);
    listen.port = service.port();
    const std::string address = listen.text();

    std::optional<service::PeriodicJob> watching;  // after the monitor: it ends first
    if (auto watch = cli::monitor_options(options.alerts, "trackd " + address, stop)) {
        monitor = std::make_unique<alert::MemoryMonitor>(std::move(*watch), say);
        service.on_metrics([&monitor = *monitor](Exposition& text) { add_alert_metrics(text, monitor); });
        watching.emplace(clock, scaled_watch_period(options.time_scale), [&monitor = *monitor, &clock, limit = settings.memory_limit] {
            if (const auto resident = service::own_resident_bytes()) monitor.observe(*resident, limit, clock.monotonic(), clock.wall());
        });
    }
    service.start();
    if (!options.quiet) print_error("trackd: mode {}, listening on http://{}\n", options.mode, address);
    if (options.verbose)
        print_error("trackd: {} threads, {} connections, memory limit {}, database {}, durability {}\n", settings.server.threads,
                    settings.server.connection_limit, format_bytes(static_cast<double>(settings.memory_limit)),
                    printable(settings.store.path), options.durability);
    cli::write_port_file(options.port_file, service.port());
    sleep_until(stop, Nanoseconds::max());
    if (!options.quiet) print_error("trackd: stopping\n");
    watching.reset();
    if (!service.stop(kDrainGrace))
        print_error("trackd: some connections were still open after {} s and were closed\n", kDrainGrace.count());
    return 0;
}

int run(int argc, char** argv, EndSignals& signals) {
    CLI::App app{"Run the reference service, an event-tracking API:\nPOST /api/track, GET /api/users/{id}/events, /metrics, /healthz"};
    app.name("trackd");
    cli::set_up_help(app, "trackd " LEAKLINE_VERSION);
    app.footer("Example:\n  trackd --mode bounded --capacity 1000 --listen 127.0.0.1:8080 --db events.db");
    TrackdOptions options;
    declare_options(app, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);
        print_error("trackd: {}\n  hint: trackd --help\n", error.what());
        return 2;
    }
    signals.request_stop_first();
    return serve(options, signals.token());
}

}  // namespace

int main(int argc, char** argv) {
    hold_standard_descriptors();
    try {
        EndSignals signals;
        return run(argc, argv, signals);
    } catch (const Error& error) {
        print_error("trackd: {}\n", error.what());
        return error.kind() == ErrorKind::system ? 4 : 2;
    } catch (const std::exception& error) {
        print_error("trackd: internal error: {}\n", error.what());
        return 4;
    }
}
