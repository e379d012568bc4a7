#include "report/internal/path_results.hpp"

#include <algorithm>

#include "base/quantities.hpp"
#include "report/internal/summary.hpp"

namespace leakline::report {

PathResults busiest_paths(const ReplayStats& stats, std::size_t most) {
    std::vector<decltype(stats.paths)::const_iterator> order;
    for (auto path = stats.paths.begin(); path != stats.paths.end(); ++path) order.push_back(path);
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a->second.sent > b->second.sent; });
    PathResults results;
    results.more = order.size() - std::min(order.size(), most);
    order.resize(order.size() - results.more);
    for (const auto& path : order) {
        const auto& [name, value] = *path;
        const auto answered = [&, &latency = value.latency](double us) { return latency.count == 0 ? std::string("-") : latency_text(us); };
        results.shown.push_back(
            {name, format_count(value.sent), format_count(value.errors), answered(value.latency.p50), answered(value.latency.p99)});
    }
    return results;
}

}  // namespace leakline::report
