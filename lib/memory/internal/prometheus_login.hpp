// Credentials for a Prometheus server.
#pragma once

#include <optional>
#include <string>

#include "memory/prometheus.hpp"

namespace leakline::memory {

// The value of the Authorization header; nothing if the query names no secret. Throws Error{usage} for two secrets,
// Error{input} for a file that cannot be read or holds none.
std::optional<std::string> prometheus_authorization(const PrometheusQuery& query);

}  // namespace leakline::memory
