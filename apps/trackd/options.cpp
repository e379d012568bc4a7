#include "trackd/options.hpp"

#include "leakline/quantities.hpp"
#include "service/event_cache.hpp"

namespace leakline {

namespace {

std::string modes_text() {
    std::string text = "what the event cache lets go:";
    for (const service::CacheModeRow& row : service::cache_modes())
        text += "\n" + std::string(row.name) + " = " + std::string(row.summary);
    return text;
}

}  // namespace

void declare_options(CLI::App& app, TrackdOptions& options) {
    app.option_defaults()->always_capture_default();
    app.add_option("--mode", options.mode, modes_text())->type_name("MODE");
    app.add_option("--listen", options.listen, "ADDRESS:PORT; port 0 takes a free one")->type_name("ADDR");
    app.add_option("--capacity", options.capacity, "bounded, lru: records that the cache keeps")
        ->type_name("N")
        ->check(CLI::Range(std::size_t{1}, std::size_t{100'000'000}));
    app.option_defaults()->always_capture_default(false);
    cli::add_size(app, "--cache-bytes", options.cache_bytes, "lru: bytes that the cache keeps (default 64MiB)");
    cli::add_duration(app, "--ttl", options.ttl, "ttl: age at which records are forgotten");
    cli::add_duration(app, "--sweep-every", options.sweep_every, "ttl: time between two runs of the background sweep");
    app.option_defaults()->always_capture_default();
    app.add_option("--time-scale", options.time_scale,
                   "run the service's clock (ttl, sweeps, --alert-for) this many times as fast")
        ->type_name("X")
        ->check(CLI::Range(0.001, 1e6));
    app.add_option("--db", options.database,
                   "where events are saved: a file, :memory: or none; by default a temporary file that goes at the end")
        ->type_name("FILE");
    cli::add_size(app, "--db-limit", options.database_limit, "largest database; beyond it requests get a 503");
    app.add_option("--durability", options.durability,
                   "what a 200 promises: none (queued), process (survives kill -9), power (synced to disk)")
        ->type_name("LEVEL");
    app.add_option("--record", options.record_file, "append every API request, without credentials, to this log for leakline replay")
        ->type_name("FILE");
    app.add_option("--port-file", options.port_file, "write the bound port there once the service listens")
        ->type_name("FILE");
    app.add_option("--threads", options.threads, "event loops; 0: one for each core, at most 4")
        ->type_name("N")
        ->check(CLI::Range(0, 256));
    app.add_option("--connections", options.connections, "connections served at once; one more gets a 503")
        ->type_name("N")
        ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}));
    cli::add_size(app, "--body-limit", options.body_limit, "largest request body (default 1MiB); a longer one gets a 413");
    cli::add_size(app, "--memory-limit", options.memory_limit,
                  "what --alert-at is a share of, where smaller than the cgroup's limit and the machine's memory; "
                  "leakline serve enforces it too");
    cli::add_alert_options(app, options.alerts);
    CLI::Option* quiet = app.add_flag("-q,--quiet", options.quiet, "say only what went wrong, and alerts");
    app.add_flag("-v,--verbose", options.verbose, "say with which limits it runs")->excludes(quiet);
}

}  // namespace leakline
