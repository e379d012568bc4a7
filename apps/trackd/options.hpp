// trackd's command line; declared by trackd and, to pass it on, by `leakline serve`.
#pragma once

#include <optional>
#include <string>

#include "alert_options.hpp"
#include "base/quantities.hpp"
#include "cli11_names.hpp"

namespace leakline {

struct TrackdOptions {
    std::string mode = "leaky", listen = "127.0.0.1:8080", database, record_file, port_file, durability = "process";
    std::size_t capacity = 1000, connections = 1024;
    std::optional<Bytes> body_limit, cache_bytes, database_limit, memory_limit;
    Nanoseconds ttl = std::chrono::minutes(30), sweep_every = std::chrono::hours(1);
    double time_scale = 1;
    int threads = 0;
    bool quiet = false, verbose = false;
    cli::AlertSettings alerts;
};

void declare_options(CLI::App& app, TrackdOptions& options);

}  // namespace leakline
