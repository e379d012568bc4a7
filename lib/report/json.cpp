// The JSON form. Its names are a contract with other programs: a member may be added, none renamed or dropped
// without a new schema number. Absent values are null; so is an infinite bound of an interval (low: minus,
// high: plus infinity).
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "report/renderers.hpp"

namespace leakline::report {

namespace {

using Json = nlohmann::ordered_json;  // "schema" stays first

Json number(double value) {
    return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json interval(const Interval& value) {
    return {{"estimate", number(value.estimate)}, {"low", number(value.low)}, {"high", number(value.high)}};
}

template <class T>
Json optional(const std::optional<T>& value) {
    if (!value) return nullptr;
    if constexpr (std::is_same_v<T, Interval>)
        return interval(*value);
    else if constexpr (std::is_same_v<T, double>)
        return number(*value);
    else
        return *value;
}

Json numbers(const std::vector<double>& values) {
    Json out = Json::array();
    for (double value : values) out.push_back(number(value));
    return out;
}

void put_trend(Json& out, const TrendVerdict& trend) {
    out["verdict"] = trend_name(trend.verdict);
    out["class"] = trend.growth_class;
    out["p_leak"] = number(trend.p_leak);
    out["slope_bytes_per_hour"] = interval(trend.slope_bytes_per_hour);
    out["bytes_per_request"] = optional(trend.bytes_per_request);
    out["detectable_bytes_per_hour"] = optional(trend.detectable_bytes_per_hour);
    out["detectable_bytes_per_request"] = optional(trend.detectable_bytes_per_request);
    out["warmup_end_s"] = number(trend.warmup_end_s);
    out["plateau_bytes"] = optional(trend.plateau_bytes);
    out["level_bytes"] = optional(trend.level_bytes);
    out["time_to_limit_h"] = optional(trend.time_to_limit_h);
    out["reasons"] = trend.reasons;
}

Json code_line(const CodeLine& line) {
    return {{"file", line.file}, {"line", line.line}, {"function", line.function}};
}

Json callers(const std::vector<CallerNode>& nodes) {
    Json out = Json::array();
    for (const CallerNode& node : nodes) {
        Json item = code_line(node.at);
        item["growth_bytes"] = node.growth_bytes;
        item["growth_blocks"] = node.growth_blocks;
        item["allocations"] = node.allocations;
        item["allocated_bytes"] = node.allocated_bytes;
        if (!node.callers.empty()) item["callers"] = callers(node.callers);
        out.push_back(std::move(item));
    }
    return out;
}

Json line_growth(const LineGrowth& line) {
    Json out = code_line(line.at);
    out["source"] = line.source;
    out["growth_bytes"] = line.growth_bytes;
    out["live_first_bytes"] = line.live_first_bytes;
    out["live_last_bytes"] = line.live_last_bytes;
    out["live_peak_bytes"] = line.live_peak_bytes;
    out["live_first_blocks"] = line.live_first_blocks;
    out["live_last_blocks"] = line.live_last_blocks;
    out["allocations"] = line.allocations;
    out["allocated_bytes"] = line.allocated_bytes;
    out["bytes_per_request"] =
        line.bytes_per_request ? number(line.bytes_per_request->estimate) : Json(nullptr);
    out["bytes_per_request_interval"] = optional(line.bytes_per_request);
    out["bytes_per_hour_interval"] = optional(line.bytes_per_hour);
    out["class"] = growth_class_name(line.growth_class);
    out["leaking"] = line.leaking;
    out["p_value"] = optional(line.p_value);
    out["payload_bytes"] = optional(line.payload_bytes);
    out["user_code"] = line.user_code;
    out["live_at_marks"] = numbers(line.live_at_marks);
    out["callers"] = callers(line.callers);
    return out;
}

Json table(const LineTable& value) {
    Json rows = Json::array();
    for (const LineTable::Row& row : value.rows) {
        Json item = {{"line", row.line}, {"text", row.text}};
        if (row.cells) {
            item["usage_bytes"] = number(row.cells->usage_bytes);
            item["increment_bytes"] = number(row.cells->increment_bytes);
            item["occurrences"] = row.cells->occurrences;
        }
        rows.push_back(std::move(item));
    }
    return {{"file", value.file},
            {"function", value.function},
            {"origin", value.origin == LineTable::Origin::observed ? "observed" : "recording"},
            {"rows", std::move(rows)}};
}

Json books(const Books& value) {
    return {{"live_delta_bytes", value.live_delta_bytes},
            {"attributed_bytes", value.attributed_bytes},
            {"unattributed_bytes", value.unattributed_bytes},
            {"rss_delta_bytes", optional(value.rss_delta_bytes)},
            {"retention_delta_bytes", optional(value.retention_delta_bytes)},
            {"other_delta_bytes", optional(value.other_delta_bytes)}};
}

// What a line report and a diagnosis share, under the same names.
void put_lines(Json& out, const LineReport& report) {
    out["lines"] = Json::array();
    for (const LineGrowth& line : report.lines) out["lines"].push_back(line_growth(line));
    out["books"] = books(report.books);
    out["window"] = {{"begin_s", to_seconds(report.window_begin)}, {"end_s", to_seconds(report.window_end)}};
    out["completeness"] = report.completeness;
    out["by"] = report.by == GroupBy::line ? "line" : report.by == GroupBy::function ? "function" : "file";
    out["totals"] = {{"allocations", report.totals.allocations},
                     {"leaked_bytes", report.totals.leaked_bytes},
                     {"leaked_blocks", report.totals.leaked_blocks},
                     {"peak_bytes", report.totals.peak_bytes},
                     {"duration_s", to_seconds(report.totals.duration)}};
    if (report.totals.suppressed_bytes != 0) out["totals"]["suppressed_bytes"] = report.totals.suppressed_bytes;
    out["marks"] = {{"seconds", numbers(report.mark_seconds)}, {"requests", Json::array()}};
    for (const auto& requests : report.mark_requests) out["marks"]["requests"].push_back(optional(requests));
    out["tables"] = Json::array();
    for (const LineTable& value : report.tables) out["tables"].push_back(table(value));
}

Json latency(const LatencySummary& value) {
    return {{"p50", number(value.p50)},   {"p90", number(value.p90)}, {"p99", number(value.p99)},
            {"p999", number(value.p999)}, {"max", number(value.max)}, {"mean", number(value.mean)},
            {"count", value.count}};
}

void put_replay(Json& out, const ReplayStats& stats) {
    out["read"] = stats.read;
    out["bad"] = stats.bad;
    out["filtered"] = stats.filtered;
    out["sent"] = stats.sent;
    out["unsent"] = stats.unsent;
    out["completed"] = stats.completed;
    out["statuses"] = Json::object();
    for (const auto& [status, count] : stats.statuses) out["statuses"][std::to_string(status)] = count;
    out["failures"] = Json::object();
    for (std::size_t i = 0; i < kFailureCount; ++i)
        if (stats.failures[i] != 0)
            out["failures"][std::string(failure_name(static_cast<Failure>(i)))] = stats.failures[i];
    out["late"] = stats.late;
    out["retried"] = stats.retried;
    if (stats.unexpected != 0) out["unexpected"] = stats.unexpected;
    out["latency_us"] = latency(stats.latency);
    out["service_us"] = latency(stats.service);
    out["send_lag_us"] = latency(stats.send_lag);
    out["duration_s"] = number(stats.duration_s);
    out["rate"] = number(stats.rate);
    out["target_rate"] = optional(stats.target_rate);
    out["valid"] = stats.valid;
    out["reasons"] = stats.reasons;
    out["paths"] = Json::object();
    for (const auto& [path, value] : stats.paths)
        out["paths"][path] = {{"sent", value.sent},
                              {"completed", value.completed},
                              {"errors", value.errors},
                              {"latency_us", latency(value.latency)}};
    out["warnings"] = stats.warnings;
}

Json soak_json(const Soak& soak) {
    Json out = {{"hours", number(soak.hours)},
                {"growth", soak_growth_name(soak.growth)},
                {"reason", soak.reason},
                {"service_scaled", soak.service_scaled},
                {"capacity", number(soak.capacity)},
                {"bytes_per_request", optional(soak.bytes_per_request)},
                {"level_bytes", optional(soak.level_bytes)},
                {"time_to_limit_h", optional(soak.time_to_limit_h)},
                {"runs", Json::array()}};
    for (const SoakRun& run : soak.runs) {
        Json item = {{"time_scale", number(run.time_scale)}, {"duration_s", number(run.duration_s)},
                     {"hours", number(run.hours)},           {"kept_up", number(run.kept_up)},
                     {"requests", run.requests},             {"limit_reached_h", optional(run.limit_reached_h)},
                     {"settled_h", number(run.settled_h)},   {"end", soak_end_name(run.end)}};
        put_trend(item["trend"], run.trend);
        out["runs"].push_back(std::move(item));
    }
    return out;
}

Json to_json(const Diagnosis& diagnosis) {
    Json out = {{"schema", Diagnosis::kSchema}};
    out["verdict"] = verdict_name(diagnosis.verdict);
    out["reasons"] = diagnosis.reasons;
    out["command"] = diagnosis.command;
    out["target"] = diagnosis.target;
    out["traffic"] = diagnosis.traffic;
    out["started"] = diagnosis.started;
    put_trend(out["trend"], diagnosis.trend);
    put_lines(out, diagnosis.lines);
    put_replay(out["replay"], diagnosis.replay);
    out["memory_limit_bytes"] = optional(diagnosis.memory_limit);
    out["max_growth"] = nullptr;
    if (diagnosis.max_growth)
        out["max_growth"] = {{"bytes", number(diagnosis.max_growth->bytes)},
                             {"per", diagnosis.max_growth->per == Growth::Per::request ? "request" : "hour"}};
    out["accepted"] = diagnosis.accepted;
    if (!diagnosis.retries.empty()) out["retries"] = diagnosis.retries;
    out["gates"] = Json::array();
    for (const Gate& gate : diagnosis.gates)
        out["gates"].push_back(
            {{"name", gate.name}, {"outcome", outcome_name(gate.outcome)}, {"message", gate.message}});
    out["requests_per_second"] = optional(diagnosis.requests_per_second);
    if (diagnosis.oom_kill)
        out["oom_kill"] = {{"at_s", diagnosis.oom_kill->at_s},
                           {"requests", diagnosis.oom_kill->requests},
                           {"predicted_at_s", optional(diagnosis.oom_kill->predicted_at_s)},
                           {"predicted_requests", optional(diagnosis.oom_kill->predicted_requests)},
                           {"text", diagnosis.oom_kill->text}};
    if (diagnosis.soak) out["soak"] = soak_json(*diagnosis.soak);
    if (!diagnosis.endpoints.empty()) {
        Json endpoints = Json::array();
        for (const EndpointGrowth& endpoint : diagnosis.endpoints)
            endpoints.push_back({{"endpoint", endpoint.endpoint},
                                 {"bytes_per_request", interval(endpoint.bytes_per_request)},
                                 {"leaks", endpoint.leaks}});
        out["endpoints"] = std::move(endpoints);
    }
    out["projected_bytes_per_hour"] = optional(diagnosis.projected_bytes_per_hour);
    out["rounds"] = Json::array();
    for (const Round& round : diagnosis.rounds)
        out["rounds"].push_back({{"begin_s", number(round.begin_s)},
                                 {"end_s", number(round.end_s)},
                                 {"requests", round.requests}});
    out["series"] = {{"name", diagnosis.series.name},
                     {"metric", diagnosis.metric},
                     {"seconds", numbers(diagnosis.series.seconds)},
                     {"value_bytes", numbers(diagnosis.series.value)},
                     {"requests", numbers(diagnosis.series.requests)},
                     {"process", diagnosis.series.process}};
    out["recording"] = {{"command", diagnosis.lines.command}, {"warnings", diagnosis.lines.warnings}};
    out["warnings"] = diagnosis.warnings;
    return out;
}

Json to_json(const LineReport& report) {
    Json out = {{"schema", Diagnosis::kSchema}};
    put_lines(out, report);
    out["command"] = report.command;
    out["warnings"] = report.warnings;
    return out;
}

// One series: its trend is the document. Several: they are listed, and nothing stands beside the list.
Json to_json(const TrendReport& report) {
    Json out = {{"schema", Diagnosis::kSchema}};
    Json trends = Json::array();
    for (const TrendReport::Item& item : report.items) {
        Json trend = {{"file", item.file}, {"series", item.series.name}};
        put_trend(trend, item.verdict);
        trend["samples"] = item.samples();
        trend["duration_s"] = number(item.series.duration());
        if (report.items.size() == 1) out.update(trend);
        trends.push_back(std::move(trend));
    }
    if (report.items.size() != 1) out["trends"] = std::move(trends);
    out["warnings"] = report.warnings;
    return out;
}

Json to_json(const Comparison& comparison) {
    Json out = {{"schema", Diagnosis::kSchema}};
    out["outcome"] = outcome_name(comparison.outcome);
    out["reasons"] = comparison.reasons;
    out["before"] = comparison.before;
    out["after"] = comparison.after;
    out["per"] = comparison.per == Growth::Per::request ? "request" : "hour";
    out["budget_bytes"] = number(comparison.budget);
    out["total_before_bytes"] = number(comparison.total_before);
    out["total_after_bytes"] = number(comparison.total_after);
    out["lines"] = Json::array();
    for (const LineDifference& line : comparison.lines) {
        const CodeLine& at = line.after ? *line.after : line.before ? *line.before : CodeLine{};
        Json item = code_line(at);
        item["source"] = line.source;
        item["change"] = line_change_name(line.change);
        item["over_budget"] = line.over_budget;
        item["line_before"] = line.before ? Json(line.before->line) : Json(nullptr);
        item["line_after"] = line.after ? Json(line.after->line) : Json(nullptr);
        item["rate_before_bytes"] = interval(line.rate_before);
        item["rate_after_bytes"] = interval(line.rate_after);
        item["difference_bytes"] = interval(line.difference);
        item["growth_before_bytes"] = line.growth_before_bytes;
        item["growth_after_bytes"] = line.growth_after_bytes;
        item["class_before"] = growth_class_name(line.class_before);
        item["class_after"] = growth_class_name(line.class_after);
        item["leaking_before"] = line.leaking_before;
        item["leaking_after"] = line.leaking_after;
        item["p_value"] = optional(line.p_value);
        out["lines"].push_back(std::move(item));
    }
    out["warnings"] = comparison.warnings;
    return out;
}

Json to_json(const History& history) {
    Json out = {{"schema", Diagnosis::kSchema}};
    out["slow_boil"] = history.boils();
    out["worse"] = history.worsened();
    out["runs"] = Json::array();
    for (const History::Run& run : history.runs)
        out["runs"].push_back({{"file", run.file},
                               {"started", run.started},
                               {"verdict", verdict_name(run.verdict)},
                               {"bytes_per_request", optional(run.bytes_per_request)}});
    out["growing_lines"] = Json::array();
    for (const History::Line& line : history.lines) {
        Json item = code_line(line.at);
        item["source"] = line.source;
        item["change"] = change_name(line.change);
        item["least_bytes_per_request"] = optional(line.least);
        item["bytes_per_request"] = Json::array();
        for (const auto& growth : line.growth) item["bytes_per_request"].push_back(optional(growth));
        out["growing_lines"].push_back(std::move(item));
    }
    out["warnings"] = history.warnings;
    return out;
}

Json to_json(const ReplayStats& stats) {
    Json out = {{"schema", Diagnosis::kSchema}};
    put_replay(out, stats);
    return out;
}

// Indented, but with columns of numbers on one line each: a series of a thousand points is one line, not a
// thousand. Names come from foreign debug info: bytes that are not UTF-8 are replaced, never a reason to lose
// the report.
void write(const Json& json, int indent, std::string& out) {
    const auto dump = [](const Json& value) {
        return value.dump(-1, ' ', false, Json::error_handler_t::replace);
    };
    const bool nested = json.is_object() || std::any_of(json.begin(), json.end(),
                                                        [](const Json& e) { return e.is_structured(); });
    if (!json.is_structured() || json.empty() || !nested) {
        out += dump(json);
        return;
    }
    const std::string inner(static_cast<std::size_t>(indent) + 2, ' ');
    out += json.is_object() ? '{' : '[';
    const char* separator = "\n";
    for (auto member = json.begin(); member != json.end(); ++member) {
        out += separator + inner;
        if (json.is_object()) out += dump(Json(member.key())) + ": ";
        write(*member, indent + 2, out);
        separator = ",\n";
    }
    out += "\n" + std::string(static_cast<std::size_t>(indent), ' ') + (json.is_object() ? '}' : ']');
}

}  // namespace

std::string render_json(const Document& document, const RenderOptions&) {
    const Json json = std::visit([](const auto& value) { return to_json(value); }, document);
    std::string out;
    write(json, 0, out);
    return out + "\n";
}

}  // namespace leakline::report
