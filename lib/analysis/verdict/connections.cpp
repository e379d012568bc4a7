// The rule about growth that follows connections.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// Of what the lines say, memory has to show in the long run: as growth, or as the smallest growth that it could have seen.
constexpr double kShown = 0.5;

bool grew_in_long_run(const ConnectionGrowth& growth) {
    const auto& run = growth.long_run;
    const double least = kShown * growth.bytes_per_connection.estimate;
    return run && run->verdict == Trend::growing && run->growth_bytes >= least * static_cast<double>(run->connections) &&
           (!run->bytes_per_connection || run->bytes_per_connection->estimate >= least);
}

Kept kept_by_connections(const ConnectionGrowth& growth) {
    const auto connections = static_cast<double>(grew_in_long_run(growth) ? growth.long_run->connections : growth.connections);
    return {connections, connections, connections * growth.bytes_per_connection.estimate, kEnoughSessions};
}

// The lines whose growth follows requests.
Facts without_connections(Facts facts) {
    const auto leaking = std::move(facts.leaking);
    facts.leaking.clear();
    facts.leaking_bytes = facts.leaking_bytes_per_request = facts.leaking_bytes_per_hour_by_time = 0;
    for (const LineGrowth* line : leaking) {
        if (line->bytes_per_connection) continue;
        facts.leaking.push_back(line);
        facts.leaking_bytes += static_cast<double>(line->growth_bytes);
        if (line->bytes_per_request) facts.leaking_bytes_per_request += line->bytes_per_request->estimate;
        if (line->bytes_per_hour_by_time) facts.leaking_bytes_per_hour_by_time += line->bytes_per_hour_by_time->estimate;
    }
    return facts;
}

std::string connection_words(const ConnectionGrowth& growth) {
    const ConnectionGrowth::Line& line = growth.lines.front();
    std::string words = fmt::format(
        "{} leaks {} per connection: its live heap grew with the number of connections, over {} blocks of traffic in which "
        "that number and the number of requests varied independently",
        short_place(line.at), format_bytes(line.bytes_per_connection.estimate), growth.blocks);
    if (growth.lines.size() > 1)
        words += fmt::format("; with {} more {} it is {} per connection", growth.lines.size() - 1,
                             growth.lines.size() == 2 ? "line" : "lines", format_bytes(growth.bytes_per_connection.estimate));
    return words;
}

std::string session_cache_words(const Facts& facts, const ConnectionGrowth& growth, const Policy& policy) {
    const Kept kept = kept_by_connections(growth);
    return fmt::format("{}; a cache of more than {} sessions would look the same: {}", connection_words(growth),
                       format_count(static_cast<std::uint64_t>(kept.entries)),
                       what_decides(facts.evidence, requests_for_enough(kept), policy));
}

// What leaks per request comes first: there are more requests than connections.
bool mostly_per_request(const Facts& all, const Facts& rest) {
    return rest.leaking_bytes > kDetail * (all.leaking_bytes - rest.leaking_bytes);
}

}  // namespace

bool connections_decide(const Facts& facts) {
    const auto& growth = facts.evidence.connections;
    return growth && growth->leaks && !mostly_per_request(facts, without_connections(facts));
}

bool sessions_have_filled(const Evidence& evidence) {
    const auto& growth = evidence.connections;
    if (!growth || !growth->leaks || !growth->long_run) return false;
    const LongConnectionRun& run = *growth->long_run;
    const double least = kShown * growth->bytes_per_connection.estimate;
    // A cache that filled up has grown first, by as much as the recorded run saw it grow.
    const auto seen = static_cast<double>(growth->connections);
    if (run.connections < growth->connections || run.growth_bytes < least * seen) return false;
    if (does_not_grow(run.verdict)) return run.detectable_bytes_per_connection && *run.detectable_bytes_per_connection < least;
    // The heap of a cache that is full still grows a little.
    const double average = run.growth_bytes / std::max(1.0, static_cast<double>(run.connections));
    return run.bytes_per_connection && run.bytes_per_connection->high < std::min(least, kShown * average);
}

std::optional<LongerRun> longer_connection_run(const Evidence& so_far, const Policy& policy) {
    const auto& growth = so_far.connections;
    if (policy.filling_is_leak || so_far.max_growth || so_far.oom_kill || so_far.soak || !growth || !growth->leaks || growth->long_run)
        return std::nullopt;
    const Kept kept = kept_by_connections(*growth);
    // Memory of leaked threads or descriptors is not a cache of sessions.
    if (enough(kept) || count_behind_memory(Facts(so_far)) != nullptr) return std::nullopt;
    return LongerRun{
        requests_for_enough(kept),
        fmt::format("{} grows per connection, as a session cache that is still filling would", short_place(growth->lines.front().at)),
        true};
}

std::optional<Conclusion> lines_grow_per_connection(const Facts& facts, const Policy& policy) {
    const Evidence& evidence = facts.evidence;
    const auto& connections = evidence.connections;
    if (!connections || !connections->leaks) return std::nullopt;
    const bool proven = policy.filling_is_leak || evidence.oom_kill || evidence.soak || enough(kept_by_connections(*connections));
    const std::string words = proven ? connection_words(*connections) : session_cache_words(facts, *connections, policy);
    const Facts rest = without_connections(facts);
    if (mostly_per_request(facts, rest))
        for (const Rule rule : {lines_explain_too_little, cache_still_filling, lines_grow})
            if (auto by_request = rule(rest, policy)) {
                const bool first = proven && by_request->verdict != Verdict::leak;
                by_request->reasons.insert(by_request->reasons.begin() + (first ? 0 : 1), words);
                if (first) {
                    by_request->verdict = Verdict::leak;
                    by_request->still_filling = false;
                }
                return by_request;
            }
    Conclusion conclusion{proven ? Verdict::leak : Verdict::inconclusive, {words}, {}};
    conclusion.still_filling = !proven;
    if (!facts.memory_grows())
        conclusion.reasons.push_back(fmt::format("total memory does not show it yet ({})", trend_name(evidence.trend.verdict)));
    return conclusion;
}

}  // namespace leakline::analysis
