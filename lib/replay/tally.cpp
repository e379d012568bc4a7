#include "replay/internal/tally.hpp"

#include <algorithm>

#include "base/quantities.hpp"
#include "model/grpc_status.hpp"

namespace leakline::replay {

namespace {

// An error that is not the recorded one. If the log has the status, also a redirection in place of an answer, such as that of a port
// that requires https or a login; without recorded status, a redirection may be normal.
bool is_refusal(int status, int recorded_status) {
    if (status >= 400) return status != recorded_status;
    const bool redirects = status >= 300 && status != 304;
    return redirects && recorded_status != 0 && recorded_status / 100 != 3;
}

// Statuses of a service that does not know or accept an identifier. An overload (429, 503) is not one.
bool denies_identifier(int status) { return (status >= 400 && status < 500 && status != 408 && status != 429) || status == 500; }

// Whether an error answers a request that the log has with an error of its kind. A login or an overload comes before the request is
// looked at.
bool is_as_recorded(int status, int recorded_status) {
    const bool unserved = status == 401 || status == 403 || status == 429;
    return status == recorded_status || (status / 100 == recorded_status / 100 && !unserved);
}

}  // namespace

std::vector<std::uint16_t> Tally::refuse_fresh() {
    // More than chance and a log that ends in the middle of a session would explain.
    constexpr double kWorse = 0.02, kMin = 3;
    std::vector<std::uint16_t> out;
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        Path& path = paths_[i];
        if (path.refuses_fresh || path.fresh == 0 || path.first == 0) continue;
        const double expected = static_cast<double>(path.first_refused) / static_cast<double>(path.first) * static_cast<double>(path.fresh);
        const double more = static_cast<double>(path.fresh_refused) - expected;
        if (more < kMin || more < kWorse * static_cast<double>(path.fresh) || more * more < 9 * (expected + 1)) continue;
        path.refuses_fresh = true;
        out.push_back(static_cast<std::uint16_t>(i));
    }
    return out;
}

void Tally::sent(std::uint16_t path) {
    ++stats_.sent;
    if (path >= paths_.size()) paths_.resize(path + std::size_t{1});
    ++paths_[path].sent;
}

void Tally::done(const Sent& request, const http::ClientPool::Done& result) {
    Path& path = paths_[request.path];
    stats_.retried += result.attempts - 1;
    stats_.connections += result.opened;
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
    stats_.http2 += result.http2;
    // gRPC answers failures with 200 too.
    const bool is_grpc = result.is_grpc && result.status == 200;
    const int status = is_grpc ? http_status_of_grpc(result.grpc_status) : result.status;
    if (is_grpc) ++stats_.grpc_statuses[result.grpc_status];
    const bool accepted = expect_ && expect_->accepts(status, request.recorded_status);
    if (status >= 400) {
        ++path.errors;
        // Expected statuses are not failures either, whatever the log says.
        path.failed_as_recorded += is_as_recorded(status, request.recorded_status) || accepted;
    }
    path.first += request.first_round;
    path.fresh += request.fresh;
    if (denies_identifier(status)) {
        path.first_refused += request.first_round;
        path.fresh_refused += request.fresh;
    }
    if (request.recorded_status == 0) ++uncompared_;
    if (is_refusal(status, request.recorded_status) && !accepted) {
        ++refused_;
        ++refusals_[{is_grpc, is_grpc ? result.grpc_status : status}];
    }
    if (expect_ && !accepted) ++stats_.unexpected;
    ++statuses_[static_cast<std::size_t>(std::clamp(result.status, 0, 999))];
    latency_.record(result.end - request.due);
    service_.record(result.end - result.first_write);
    path.latency.record(result.end - request.due);
}

int Tally::most_refused() const {
    const auto most =
        std::max_element(refusals_.begin(), refusals_.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == refusals_.end()) return 0;
    return most->first.is_grpc ? http_status_of_grpc(most->first.status) : most->first.status;
}

std::string Tally::refused_statuses() const {
    constexpr std::size_t kShown = 3;
    std::vector<std::pair<Refusal, std::uint64_t>> ranking(refusals_.begin(), refusals_.end());
    std::sort(ranking.begin(), ranking.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    std::string text;
    for (std::size_t i = 0; i < ranking.size() && i < kShown; ++i) {
        const auto& [refusal, count] = ranking[i];
        text += (text.empty() ? "" : ", ") + format_count(count) + " x " +
                (refusal.is_grpc ? "gRPC " + grpc_status_name(refusal.status) : std::to_string(refusal.status));
    }
    return ranking.size() > kShown ? text + ", ..." : text;
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
            stats.paths[path_names[i]] = {paths_[i].sent,
                                          paths_[i].completed,
                                          paths_[i].errors,
                                          paths_[i].failed_as_recorded,
                                          paths_[i].refuses_fresh ? paths_[i].fresh_refused : 0,
                                          paths_[i].latency.summary()};
    return stats;
}

}  // namespace leakline::replay
