// Metrics of trackd for Prometheus. Counting is a relaxed add to an atomic; the text is built only for a scrape.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/quantities.hpp"

namespace leakline::service {

enum class Route { track, user_events, metrics, healthz, other };
inline constexpr std::size_t kRouteCount = 5;
std::string_view route_path(Route route);

// Thread-safe.
class RequestMetrics {
  public:
    void count(Route route, int status);
    std::uint64_t total() const;

    // The status codes of trackd's handlers.
    static constexpr std::array<int, 6> kStatuses = {200, 400, 404, 405, 500, 503};
    std::uint64_t count_of(Route route, std::size_t status_index) const {
        return counts_[static_cast<std::size_t>(route)][status_index].load(std::memory_order_relaxed);
    }

  private:
    std::array<std::array<std::atomic<std::uint64_t>, kStatuses.size()>, kRouteCount> counts_{};
};

// Resident memory of this process, from statm; nothing where /proc is not there.
std::optional<Bytes> own_resident_bytes();

}  // namespace leakline::service
