#include "report/internal/replay_text.hpp"

#include <fmt/format.h>

#include "base/quantities.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/traffic_words.hpp"

namespace leakline::report {

namespace {

std::string latencies_text(const LatencySummary& latency) {
    if (latency.count == 0) return "none measured";
    return fmt::format("p50 {}, p90 {}, p99 {}, p99.9 {}, max {}", latency_text(latency.p50), latency_text(latency.p90),
                       latency_text(latency.p99), latency_text(latency.p999), latency_text(latency.max));
}

std::string http2_text(const ReplayStats& stats) {
    if (stats.http2 == 0) return {};
    return stats.http2 == stats.completed ? ", HTTP/2" : fmt::format("; {} over HTTP/2", counted(stats.http2, "response"));
}

}  // namespace

void add_replay(TerminalText& text, const ReplayStats& stats) {
    text.heading("Replay");
    text.field("requests", fmt::format("{} read = {} sent + {} unsent + {} bad + {} filtered; {} completed", format_count(stats.read),
                                       format_count(stats.sent), format_count(stats.unsent), format_count(stats.bad),
                                       format_count(stats.filtered), format_count(stats.completed)));
    std::string answers;
    for (const auto& [status, count] : stats.statuses)
        answers += fmt::format("{}{} x {}", answers.empty() ? "" : ", ", format_count(count), status);
    for (std::size_t i = 0; i < kFailureCount; ++i)
        if (stats.failures[i] != 0)
            answers += fmt::format("{}{} x {}", answers.empty() ? "" : ", ", format_count(stats.failures[i]),
                                   failure_text(static_cast<Failure>(i)));
    text.field("responses", answers.empty() ? "none" : answers);
    if (const std::string grpc = grpc_text(stats); !grpc.empty()) text.field("gRPC", grpc);
    const double answered = stats.duration_s > 0 ? static_cast<double>(stats.completed) / stats.duration_s : 0;
    text.field("rate", fmt::format("{} sent{}, {} completed over {:.3g} s", format_per_second(stats.rate),
                                   stats.target_rate ? fmt::format(" of {} planned", format_per_second(*stats.target_rate)) : "",
                                   format_per_second(answered), stats.duration_s));
    text.field("latency", latencies_text(stats.latency) + " (from the due time)");
    text.field("send lag", latencies_text(stats.send_lag));
    if (stats.unexpected != 0) text.field("unexpected", format_count(stats.unexpected) + " responses with an unexpected status");
    text.field("connections", format_count(stats.connections) + " opened" + http2_text(stats));
    if (const std::string fresh = fresh_text(stats); !fresh.empty()) text.field("identifiers", fresh);
    if (const std::string values = values_text(stats); !values.empty()) text.field("values", values);
    if (stats.retried != 0)
        text.field("retried", format_count(stats.retried) + (stats.retried == 1 ? " attempt" : " attempts") + " on stale connections" +
                                  (stats.http2 != 0 ? " or refused streams" : ""));
    if (stats.late != 0) text.field("late records", format_count(stats.late) + " were too far out of order for --reorder");
    if (!stats.valid) {
        text.field("INVALID", stats.reasons.empty() ? "no reason was given" : stats.reasons.front());
        for (std::size_t i = 1; i < stats.reasons.size(); ++i) text.field("", stats.reasons[i]);
    }
}

}  // namespace leakline::report
