// A line that kept an entry for each request of the log's first pass and none later: a container whose keys are in the requests looks
// like a cache that is full, because later passes repeat the same keys.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// So few requests equal the limit of some cache or pool by chance.
constexpr double kLeastRequests = 400;
// How near to the number of requests the entries have to be: a few keys may come twice. A sampled number is known to two standard
// errors, and says nothing if these are large.
constexpr double kSame = 0.03, kErrors = 2, kMostUncertain = 0.25;
// Of the bytes: what came or went later is no growth, nor what the errors of samples allow.
constexpr double kStill = 0.02;

struct Requests {
    double number = 0;  // in one pass
    std::string what;   // "requests", "GET /search requests"
};

std::vector<Requests> requests_in_log(const ReplayStats& replay) {
    const auto log = static_cast<double>(replay.log_requests);
    std::vector<Requests> all = {{log, "requests"}};
    for (const auto& [kind, stats] : replay.paths)
        if (replay.sent > 0) all.push_back({log * static_cast<double>(stats.sent) / static_cast<double>(replay.sent), kind + " requests"});
    std::erase_if(all, [](const Requests& requests) { return requests.number < kLeastRequests; });
    return all;
}

bool stood_still(const LineGrowth& line) {
    const double allowed = std::max(kStill * static_cast<double>(line.live_first_bytes), kErrors * line.growth_error_bytes.value_or(0));
    return line.user_code && !line.leaking && std::abs(static_cast<double>(line.growth_bytes)) <= allowed;
}

bool one_for_each(const LineGrowth& line, const Requests& requests) {
    const double known_to = kErrors * line.first_entries_error / requests.number;
    return known_to <= kMostUncertain &&
           std::abs(static_cast<double>(line.first_entries) / requests.number - 1) <= std::max(kSame, known_to);
}

}  // namespace

std::optional<Conclusion> filled_by_first_pass(const Facts& facts, const Policy&) {
    const Evidence& evidence = facts.evidence;
    // The log has to have come again.
    if (evidence.soak || evidence.replay.completed < 2 * evidence.replay.log_requests) return std::nullopt;
    const std::vector<Requests> all = requests_in_log(evidence.replay);
    for (const LineGrowth& line : evidence.lines.lines) {
        if (!stood_still(line)) continue;
        const auto same = std::find_if(all.begin(), all.end(), [&](const Requests& requests) { return one_for_each(line, requests); });
        if (same == all.end()) continue;
        return Conclusion{
            Verdict::inconclusive,
            {fmt::format("{} kept about {} entries in the first round and none later: one for each of the log's {}, which all rounds "
                         "repeat. A map with an entry per search text, client address or pair of users would look like this, and "
                         "leaks if such values are not limited; to decide, rerun with a log that is several times as long: the "
                         "entries of a leak grow with it",
                         short_place(line.at), about(static_cast<double>(line.first_entries)),
                         fmt::format("{} {}", about(same->number), same->what))},
            {}};
    }
    return std::nullopt;
}

}  // namespace leakline::analysis
