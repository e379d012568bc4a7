// The rule about growth that follows connections.
#include <fmt/format.h>

#include "analysis/verdict/rules.hpp"

namespace leakline::analysis {

std::optional<Conclusion> lines_grow_per_connection(const Evidence& evidence, const Policy& policy) {
    const auto& connections = evidence.diagnosis.connections;
    if (!connections || !connections->leaks) return std::nullopt;
    const ConnectionGrowth::Line& line = connections->lines.front();
    std::string reason = fmt::format("{} leaks {} per connection: its live heap grew with the number of connections, over {} blocks of traffic in which "
                                     "that number and the number of requests varied independently",
                                     place(line.at), format_bytes(line.bytes_per_connection.estimate), connections->blocks);
    if (connections->lines.size() > 1)
        reason += fmt::format("; with {} more {} it is {} per connection", connections->lines.size() - 1, connections->lines.size() == 2 ? "line" : "lines",
                              format_bytes(connections->bytes_per_connection.estimate));
    // What leaks per request comes first: there are more requests than connections.
    if (!grows_by_connections_alone(evidence.diagnosis))
        if (auto by_request = lines_grow(evidence, policy)) {
            by_request->reasons.insert(by_request->reasons.begin() + 1, std::move(reason));
            return by_request;
        }
    Conclusion conclusion{Verdict::leak, {std::move(reason)}, {}};
    if (!evidence.memory_grows())
        conclusion.reasons.push_back(fmt::format("memory as a whole does not show it yet ({})", trend_name(evidence.diagnosis.trend.verdict)));
    return conclusion;
}

}  // namespace leakline::analysis
