#include "replay/tally.hpp"

#include <algorithm>

namespace leakline::replay {

void Tally::sent(std::uint16_t path) {
    ++stats_.sent;
    if (path >= paths_.size()) paths_.resize(path + std::size_t{1});
    ++paths_[path].sent;
}

void Tally::done(const Sent& request, const http::ClientPool::Done& result) {
    Path& path = paths_[request.path];
    stats_.retried += result.attempts - 1;
    if (result.first_write.count() != 0) lag_.record(result.first_write - request.due);
    if (result.status == 0) {
        ++stats_.failures[static_cast<std::size_t>(result.failure)];
        ++failed_;
        ++path.errors;
        return;
    }
    ++stats_.completed;
    ++path.completed;
    if (result.status >= 400) ++path.errors;
    if (expect_ && !expect_->accepts(result.status, request.recorded_status)) ++stats_.unexpected;
    ++statuses_[static_cast<std::size_t>(std::clamp(result.status, 0, 999))];
    latency_.record(result.end - request.due);
    service_.record(result.end - result.first_write);
    path.latency.record(result.end - request.due);
}

ReplayStats Tally::stats(const std::vector<std::string>& path_names) const {
    ReplayStats stats = stats_;
    for (std::size_t status = 0; status < statuses_.size(); ++status)
        if (statuses_[status] != 0) stats.statuses[static_cast<int>(status)] = statuses_[status];
    stats.latency = latency_.summary();
    stats.service = service_.summary();
    stats.send_lag = lag_.summary();
    for (std::size_t i = 0; i < paths_.size() && i < path_names.size(); ++i)
        if (paths_[i].sent != 0)
            stats.paths[path_names[i]] = {paths_[i].sent, paths_[i].completed, paths_[i].errors,
                                          paths_[i].latency.summary()};
    return stats;
}

}  // namespace leakline::replay
