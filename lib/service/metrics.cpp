#include "service/internal/metrics.hpp"

#include "base/quantities.hpp"
#include "system/proc_file.hpp"
#include "system/procfs.hpp"

namespace leakline::service {

std::string_view route_path(Route route) {
    switch (route) {
        case Route::track: return "/api/track";
        case Route::user_events: return "/api/users/{id}/events";
        case Route::metrics: return "/metrics";
        case Route::healthz: return "/healthz";
        case Route::other: return "other";
    }
    return "other";
}

void RequestMetrics::count(Route route, int status) {
    for (std::size_t i = 0; i < kStatuses.size(); ++i)
        if (kStatuses[i] == status) counts_[static_cast<std::size_t>(route)][i].fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t RequestMetrics::total() const {
    std::uint64_t sum = 0;
    for (const auto& route : counts_)
        for (const auto& count : route) sum += count.load(std::memory_order_relaxed);
    return sum;
}

std::optional<Bytes> own_resident_bytes() {
    const auto text = read_small_file("/proc/self/statm");
    if (!text) return std::nullopt;
    const auto read = parse_statm(*text);
    return read ? std::optional(read->resident) : std::nullopt;
}

}  // namespace leakline::service
