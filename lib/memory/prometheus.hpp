// Series from a Prometheus server, over its HTTP API (Thanos, Mimir and VictoriaMetrics have the same).
//
// Thread-safety: free functions, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "http/connect_options.hpp"
#include "model/series.hpp"

namespace leakline::memory {

struct PrometheusQuery {
    std::string url;    // of the server, with the prefix of a proxy: "https://mimir.example/prometheus"
    std::string query;  // PromQL, for example process_resident_memory_bytes{job="api"}
    Nanoseconds range = std::chrono::hours(1);
    Nanoseconds step = std::chrono::seconds(30);
    Nanoseconds end{};  // since the Unix epoch
    // Restarts are where the value of this query changes, matched to the series by their labels. Empty: where `query`
    // is a plain selector, process_start_time_seconds with the same matchers; otherwise restarts are not known.
    std::string start_time_query;

    // At most one of them: a file with the token, a file with user:password. (A secret on a command line is visible in `ps`.)
    std::string bearer_token_file, basic_auth_file;
    http::ConnectOptions connect;

    Nanoseconds timeout = std::chrono::seconds(60);  // of one request
    std::size_t max_series = 10'000;
    // Of all series together, 16 bytes each. More is an error that suggests a longer step.
    std::uint64_t max_points = std::uint64_t{64} << 20;
    // Looked at between requests; ends the work with Error{system} "interrupted".
    std::stop_token stop;
};

struct PrometheusAnswer {
    std::vector<Series> series;  // in the server's order; seconds since the Unix epoch; process set where it restarted
    std::vector<std::string> warnings;
    std::uint64_t requests = 0;  // number of HTTP requests
};

// A range is queried in parts: the server returns at most 11,000 points per series, and each part's answer (which is
// held as text while it is read) stays below about 1 M points.
// Throws Error{usage} (bad URL, both secrets, range below step) and Error{input}: the server is down, slow, refuses
// the credentials, answers with an error or in another format, or returns no series or more than max_series.
PrometheusAnswer query_prometheus(const PrometheusQuery& query);

// process_start_time_seconds with the matchers of a plain selector; nothing for any other query.
std::optional<std::string> start_time_selector(const std::string& query);

}  // namespace leakline::memory
