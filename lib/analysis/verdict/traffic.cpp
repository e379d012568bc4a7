// Rules of validity: did the traffic exercise the service?
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "model/grpc_status.hpp"

namespace leakline::analysis {

namespace {

// Share of requests that must succeed for the run to be valid.
constexpr double kMinSucceeded = 0.5;

}  // namespace

TrafficOutcome traffic_outcome_of(const ReplayStats& replay) {
    TrafficOutcome traffic_outcome;
    traffic_outcome.sent = replay.sent;
    std::uint64_t most = 0;
    const auto consider = [&](std::uint64_t count, const std::string& name, std::string_view advice) {
        if (count <= most) return;
        most = count;
        traffic_outcome.most_common_failure =
            fmt::format("{} ({} times){}{}", name, format_count(count), advice.empty() ? "" : "; ", advice);
    };
    // Where the caller names the statuses that count as success, those do, whatever they are.
    const bool named = !replay.expected.empty();
    for (const auto& [status, count] : replay.statuses) {
        if (status < 400)
            traffic_outcome.succeeded += count;
        else if (!named)
            consider(count, fmt::format("status {}", status), status_hint(status));
    }
    for (const auto& [code, count] : replay.grpc_statuses) {
        if (code == 0) continue;
        traffic_outcome.succeeded -= std::min(traffic_outcome.succeeded, count);  // their HTTP status is 200
        if (!named) consider(count, "gRPC status " + grpc_status_name(code), status_hint(http_status_of_grpc(code)));
    }
    // A request that the log has with an error is answered as it was. (Named statuses say more.)
    for (const auto& [path, stats] : replay.paths) traffic_outcome.succeeded += stats.failed_as_recorded;
    traffic_outcome.succeeded = std::min(traffic_outcome.succeeded, replay.sent);
    if (named) {
        traffic_outcome.succeeded = replay.completed - std::min(replay.completed, replay.unexpected);
        consider(replay.unexpected, "a status other than " + printable(replay.expected), "");
    }
    for (std::size_t i = 0; i < kFailureCount; ++i)
        consider(replay.failures[i], std::string(failure_text(static_cast<Failure>(i))), replay.failure_cause);
    return traffic_outcome;
}

std::optional<std::string> traffic_fault(const ReplayStats& replay) {
    const TrafficOutcome traffic_outcome = traffic_outcome_of(replay);
    if (traffic_outcome.sent == 0) return "no request was sent";
    if (traffic_outcome.share() >= kMinSucceeded) return std::nullopt;
    return fmt::format("too many requests failed: {:.0f} % of {} succeeded; most frequent: {}", std::floor(traffic_outcome.share() * 100),
                       format_count(traffic_outcome.sent), traffic_outcome.most_common_failure);
}

// A service that the kernel killed for its limit is judged by what it did until then, whatever became of its last requests.
std::optional<Conclusion> requests_failed(const Facts& facts, const Policy&) {
    if (facts.evidence.oom_kill || exhausted(facts.evidence)) return std::nullopt;
    const auto fault = traffic_fault(facts.evidence.replay);
    if (!fault) return std::nullopt;
    return Conclusion{Verdict::invalid, {*fault}, {}};
}

std::optional<Conclusion> replay_not_valid(const Facts& facts, const Policy&) {
    const ReplayStats& replay = facts.evidence.replay;
    if (replay.valid || facts.evidence.oom_kill || exhausted(facts.evidence)) return std::nullopt;
    Conclusion conclusion{Verdict::invalid, {}, {}};
    for (const std::string& reason : replay.reasons) conclusion.reasons.push_back("the traffic was not sent as planned: " + reason);
    if (conclusion.reasons.empty()) conclusion.reasons.emplace_back("the replay was not valid");
    return conclusion;
}

}  // namespace leakline::analysis
