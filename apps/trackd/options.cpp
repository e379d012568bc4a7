#include "trackd/options.hpp"

#include <CLI/CLI.hpp>

#include "choice.hpp"
#include "port_file.hpp"
#include "quantity_options.hpp"
#include "service/event_cache.hpp"

namespace leakline {

namespace {

std::string modes_text() {
    std::string text = "What the event cache discards";
    for (const service::CacheModeRow& row : service::cache_modes()) text += "\n" + std::string(row.name) + " = " + std::string(row.summary);
    return text;
}

}  // namespace

void declare_options(CLI::App& app, TrackdOptions& options) {
    app.option_defaults()->always_capture_default();
    app.add_option("--mode", options.mode, modes_text())->type_name("MODE");
    app.add_option("--listen", options.listen, "Address to listen on; port 0: any free port")->type_name("ADDRESS:PORT");
    app.add_option("--capacity", options.capacity, "bounded, lru: maximum number of records in the cache, 1 to 100000000")
        ->type_name("N")
        ->check(cli::between(std::size_t{1}, std::size_t{100'000'000}));
    app.option_defaults()->always_capture_default(false);
    cli::add_size(app, "--cache-bytes", options.cache_bytes, "lru: maximum size of the cache (default: 64MiB)");
    cli::add_duration(app, "--ttl", options.ttl, "ttl: age at which records are discarded");
    cli::add_duration(app, "--sweep-every", options.sweep_every, "ttl: time between two sweeps");
    app.option_defaults()->always_capture_default();
    app.add_option("--time-scale", options.time_scale,
                   "Factor by which the clock of --ttl, --sweep-every and --alert-for runs faster, 0.001 to 1000000")
        ->type_name("X")
        ->check(cli::between(0.001, 1e6));
    app.add_option("--db", options.database, "Database of events: a file, :memory: or none (default: a temporary file)")->type_name("FILE");
    cli::add_size(app, "--db-limit", options.database_limit, "Maximum size of the database; beyond it, requests get a 503");
    app.add_option("--durability", options.durability,
                   "What a 200 response guarantees: none (queued), process (survives kill -9) or power (synced to disk)")
        ->type_name("LEVEL");
    app.add_option("--record", options.record_file, "Append every API request, without credentials, to this log for leakline replay")
        ->type_name("FILE");
    cli::add_port_file(app, options.port_file);
    app.add_option("--threads", options.threads, "Number of event loops, 0 to 256; 0: one per core, at most 4")
        ->type_name("N")
        ->check(cli::between(0, 256));
    app.add_option("--connections", options.connections, "Maximum number of concurrent connections, 1 to 1000000; more get a 503")
        ->type_name("N")
        ->check(cli::between(std::size_t{1}, std::size_t{1'000'000}));
    cli::add_size(app, "--body-limit", options.body_limit, "Maximum size of a request body; a larger one gets a 413 (default: 1MiB)");
    cli::add_size(app, "--memory-limit", options.memory_limit,
                  "Memory limit for --alert-at, if smaller than the cgroup's limit and the machine's memory; leakline serve also "
                  "enforces it");
    cli::add_alert_options(app, options.alerts);
    CLI::Option* quiet = app.add_flag("-q,--quiet", options.quiet, "Print only errors and alerts");
    app.add_flag("-v,--verbose", options.verbose, "Print the limits at startup")->excludes(quiet);
}

}  // namespace leakline
