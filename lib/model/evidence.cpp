#include "model/evidence.hpp"

#include <algorithm>

namespace leakline {

bool grows_by_connections_alone(const Evidence& evidence) {
    if (!evidence.connections || !evidence.connections->leaks) return false;
    constexpr double kAlone = 0.9;  // of the bytes of the leaking lines: others are small parts of the same connections
    double all = 0, of_connections = 0;
    for (const LineGrowth& line : evidence.lines.lines) {
        if (!line.leaking) continue;
        all += static_cast<double>(line.growth_bytes);
        if (line.bytes_per_connection) of_connections += static_cast<double>(line.growth_bytes);
    }
    return of_connections >= kAlone * all;
}

namespace {

// Of memory, to be compared with what lines grew by from the first to the last mark: where growth accelerates, its rate at the end, which
// the trend has, is far above its average.
double memory_per_request(const Evidence& evidence) {
    const double at_end = evidence.trend.bytes_per_request ? evidence.trend.bytes_per_request->estimate : 0;
    const Series& series = evidence.series;
    if (evidence.trend.growth_class != "accelerating" || series.requests.empty() || series.requests.size() != series.size()) return at_end;
    const double requests = series.requests.back() - series.requests.front(), growth = series.value.back() - series.value.front();
    return requests > 0 && growth > 0 ? std::min(at_end, growth / requests) : at_end;
}

}  // namespace

double explained_growth(const Evidence& evidence) {
    const TrendVerdict& trend = evidence.trend;
    if (trend.verdict != Trend::growing) return 1;
    // The recorded run has a different pace than the soak: growth that does not follow requests is another amount per request in it.
    if (evidence.soak && evidence.soak->growth != Soak::Growth::with_requests) return 1;
    double per_request = 0, per_hour = 0;
    bool any = false;
    for (const LineGrowth& line : evidence.lines.lines) {
        if (!line.leaking) continue;
        if (line.bytes_per_connection || (!line.bytes_per_request && !line.bytes_per_hour_by_time)) return 1;
        any = true;
        if (line.bytes_per_request) per_request += line.bytes_per_request->estimate;
        if (line.bytes_per_hour_by_time) per_hour += line.bytes_per_hour_by_time->estimate;
    }
    if (!any) return 1;
    const auto share = [](double part, double whole) { return whole > 0 ? part / whole : 1; };
    double explained = 0;
    if (per_request > 0) explained += share(per_request, memory_per_request(evidence));
    if (per_hour > 0) explained += share(per_hour, trend.slope_bytes_per_hour.estimate);
    const Accounting& accounting = evidence.lines.accounting;
    if (accounting.live_delta_bytes > 0 && accounting.overhead_delta_bytes.value_or(0) > 0)
        explained *= 1 + static_cast<double>(*accounting.overhead_delta_bytes) / static_cast<double>(accounting.live_delta_bytes);
    // What the variable that holds a leaking line's blocks grew by has been counted with all that it keeps, from whatever line.
    if (evidence.held_by && evidence.held_by->holder && evidence.held_by->holder->growth_bytes) {
        const auto grown = std::max(accounting.live_delta_bytes, accounting.memory_delta_bytes().value_or(0));
        explained = std::max(explained, share(static_cast<double>(*evidence.held_by->holder->growth_bytes), static_cast<double>(grown)));
    }
    return explained;
}

}  // namespace leakline
