// Rules of validity: did the traffic exercise the service?
#include <fmt/format.h>

#include <cmath>

#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"

namespace leakline::analysis {

namespace {

// Share of answers that must be successes for the run to have exercised the service at all.
constexpr double kLanded = 0.5;

}  // namespace

Landing landing_of(const ReplayStats& replay) {
    Landing landing;
    landing.sent = replay.sent;
    std::uint64_t most = 0;
    const auto consider = [&](std::uint64_t count, const std::string& name, std::string_view cure) {
        if (count <= most) return;
        most = count;
        landing.most_common_failure = fmt::format("{} ({} times){}{}", name, format_count(count), cure.empty() ? "" : "; ", cure);
    };
    // Where the caller names the statuses that count as success, those do, whatever they are.
    const bool named = !replay.expected.empty();
    for (const auto& [status, count] : replay.statuses) {
        if (status < 400) landing.succeeded += count;
        else if (!named) consider(count, fmt::format("status {}", status), status_cure(status));
    }
    if (named) {
        landing.succeeded = replay.completed - std::min(replay.completed, replay.unexpected);
        consider(replay.unexpected, "a status other than " + printable(replay.expected), "");
    }
    for (std::size_t i = 0; i < kFailureCount; ++i)
        consider(replay.failures[i], std::string(failure_name(static_cast<Failure>(i))), replay.failure_cause);
    return landing;
}

std::optional<std::string> landing_fault(const ReplayStats& replay) {
    const Landing landing = landing_of(replay);
    if (landing.sent == 0) return "no request was sent";
    if (landing.share() >= kLanded) return std::nullopt;
    return fmt::format("the traffic did not land: {:.0f} % of {} requests succeeded, most often {}", std::floor(landing.share() * 100),
                       format_count(landing.sent), landing.most_common_failure);
}

// A service that the kernel killed for its limit is judged by what it did until then, whatever became of its last requests.
std::optional<Conclusion> requests_failed(const Evidence& evidence, const Policy&) {
    if (evidence.diagnosis.oom_kill || exhausted(evidence.diagnosis)) return std::nullopt;
    const auto fault = landing_fault(evidence.diagnosis.replay);
    if (!fault) return std::nullopt;
    return Conclusion{Verdict::invalid, {*fault}, {}};
}

std::optional<Conclusion> replay_not_valid(const Evidence& evidence, const Policy&) {
    const ReplayStats& replay = evidence.diagnosis.replay;
    if (replay.valid || evidence.diagnosis.oom_kill || exhausted(evidence.diagnosis)) return std::nullopt;
    Conclusion conclusion{Verdict::invalid, {}, {}};
    for (const std::string& reason : replay.reasons)
        conclusion.reasons.push_back("the traffic was not sent as it was meant to be: " + reason);
    if (conclusion.reasons.empty()) conclusion.reasons.emplace_back("the replay was not valid");
    return conclusion;
}

}  // namespace leakline::analysis
