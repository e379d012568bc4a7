#include "report/internal/traffic_words.hpp"

#include <fmt/format.h>

#include "base/quantities.hpp"
#include "model/grpc_status.hpp"
#include "report/internal/summary.hpp"

namespace leakline::report {

namespace {

constexpr std::size_t kMax = 8;

std::string list_text(const std::vector<std::string>& items) {
    std::string text;
    for (std::size_t i = 0; i < items.size() && i < kMax; ++i) text += (i == 0 ? "" : ", ") + items[i];
    return items.size() > kMax ? fmt::format("{} and {} more", text, items.size() - kMax) : text;
}

std::string connections_text(const ConnectionGrowth& growth) {
    const std::string basis = fmt::format("{} connections, {} requests", format_count(growth.connections), format_count(growth.requests));
    if (!growth.leaks)
        return fmt::format("no leak above {} per connection ({})", format_bytes(growth.detectable_bytes_per_connection), basis);
    return fmt::format("{} of heap per connection, in addition to {} per request ({})", interval_text(growth.bytes_per_connection),
                       interval_text(growth.bytes_per_request), basis);
}

std::vector<std::string> not_served(const Coverage& coverage) {
    std::vector<std::string> out;
    for (const KindCoverage& kind : coverage.kinds) {
        const std::uint64_t filtered = kind.left_out - kind.without_body;
        if (kind.without_body > 0)
            out.push_back(fmt::format("{}: {} without a body in the log", kind.kind, format_count(kind.without_body)));
        if (filtered > 0) out.push_back(fmt::format("{}: {} left out by filters", kind.kind, format_count(filtered)));
        if (kind.mostly_failed())
            out.push_back(fmt::format("{}: {} of {} failed", kind.kind, format_count(kind.failed), format_count(kind.sent)));
    }
    return out;
}

}  // namespace

std::string fresh_text(const ReplayStats& stats) {
    if (stats.fresh.empty()) return {};
    std::string text = "new values in each round: " + list_text(stats.fresh);
    if (!stats.not_fresh.empty()) text += "; sent as recorded, because the service rejected new values: " + list_text(stats.not_fresh);
    return text;
}

std::string values_text(const ReplayStats& stats) {
    if (!stats.values) return {};
    const ReplayValues& values = *stats.values;
    std::string text = counted(values.substituted, "request") + " sent with values of responses";
    for (const ReplayValues::Extracted& value : values.extracted) {
        text += fmt::format("; {{{}}} found in {} of {}", value.name, format_count(value.found), counted(value.searched, "response"));
        if (value.missing > 0) text += fmt::format(", missing for {}", counted(value.missing, "request"));
    }
    if (values.cookies > 0) text += fmt::format("; {} taken", counted(values.cookies, "cookie"));
    if (values.skipped > 0) text += fmt::format("; {} not sent because a value was missing", counted(values.skipped, "request"));
    if (values.as_recorded > 0) text += fmt::format("; {} sent as recorded", counted(values.as_recorded, "request"));
    if (values.undecodable > 0) text += fmt::format("; {} in an unsupported compression", counted(values.undecodable, "response"));
    if (values.unusable > 0) text += fmt::format("; {} with a line break, which no header can have", counted(values.unusable, "value"));
    return text;
}

std::string grpc_text(const ReplayStats& stats) {
    std::string text;
    for (const auto& [code, count] : stats.grpc_statuses)
        text += fmt::format("{}{} x {}", text.empty() ? "" : ", ", format_count(count), grpc_status_name(code));
    return text;
}

std::string not_tested_text(const Coverage& coverage) { return list_text(not_served(coverage)); }

std::vector<TrafficRow> traffic_rows(const Diagnosis& diagnosis) {
    std::vector<TrafficRow> rows;
    if (diagnosis.connections) rows.push_back({"per connection", connections_text(*diagnosis.connections)});
    if (std::string fresh = fresh_text(diagnosis.replay); !fresh.empty()) rows.push_back({"identifiers", std::move(fresh)});
    if (std::string values = values_text(diagnosis.replay); !values.empty()) rows.push_back({"values", std::move(values)});
    if (std::string grpc = grpc_text(diagnosis.replay); !grpc.empty()) rows.push_back({"gRPC", std::move(grpc)});
    if (std::string kinds = not_tested_text(diagnosis.coverage); !kinds.empty()) rows.push_back({"not tested", std::move(kinds)});
    return rows;
}

}  // namespace leakline::report
