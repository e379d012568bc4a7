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
    if (result.first_write.count() != 0) {
        lag_.record(result.first_write - request.due);
        ++written_;
        first_write_ = std::min(first_write_, result.first_write);
        last_write_ = std::max(last_write_, result.first_write);
    }
    if (result.status == 0) {
        ++stats_.failures[static_cast<std::size_t>(result.failure)];
        ++failed_;
        ++path.errors;
        return;
    }
    ++stats_.completed;
    ++path.completed;
    if (result.status >= 400) ++path.errors;
    if (request.recorded_status == 0) ++uncompared_;
    if (expect_ && !expect_->accepts(result.status, request.recorded_status)) ++stats_.unexpected;
    ++statuses_[static_cast<std::size_t>(std::clamp(result.status, 0, 999))];
    latency_.record(result.end - request.due);
    service_.record(result.end - result.first_write);
    path.latency.record(result.end - request.due);
}

void Tally::end_round() {
    if (written_ > 1) {
        intervals_ += written_ - 1;
        sending_ += last_write_ - first_write_;
    }
    written_ = 0;
    first_write_ = Nanoseconds::max();
    last_write_ = {};
}

ReplayStats Tally::stats(const std::vector<std::string>& path_names) const {
    ReplayStats stats = stats_;
    if (sending_.count() > 0) stats.rate = static_cast<double>(intervals_) / to_seconds(sending_);
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
