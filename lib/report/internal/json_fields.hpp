// The members of a diagnosis and of a line report as JSON, each named once and in the order of the text. The archives that write
// them (json.cpp), read them back (json_read.cpp) and fill them in tests walk the
// same rows, so that everything that is written can be read. A new member is a row here and one in report.schema.json.
//
// An archive `a` has
//   kWrites                           its arguments are const
//   a(name, value)                    a member; null if the value is absent, and unchanged when read
//   a.where_any(name, value)          the same, omitted if there is none: zero, empty or absent
//   a.object(name, f)                 f(inner archive) gives the members of an object without its own structure
//   a.beside(name, optional)          the members of an optional structure among the others; name is one of them
//   a.derived(name, value)            for other programs: derived from other members, and not read
//   a.check(holds, expected)          a condition on the members read so far
#pragma once

#include <optional>
#include <string_view>
#include <type_traits>

#include "model/diagnosis.hpp"

namespace leakline::report {

template <class Archive, class T>
using In = std::conditional_t<Archive::kWrites, const T, T>;

// The names of an enumeration's values, which count from 0 to last.
template <class Enum>
struct Words {
    Enum last;
    std::string_view (*name)(Enum);
};
constexpr Words<Verdict> words(Verdict) { return {Verdict::invalid, verdict_name}; }
constexpr Words<Trend> words(Trend) { return {Trend::inconclusive, trend_name}; }
constexpr Words<Follows> words(Follows) { return {Follows::both, follows_name}; }
constexpr Words<StatedGrowth::Source> words(StatedGrowth::Source) { return {StatedGrowth::Source::none, source_name}; }
constexpr Words<GrowthClass> words(GrowthClass) { return {GrowthClass::unclear, growth_class_name}; }
constexpr Words<GateOutcome> words(GateOutcome) { return {GateOutcome::inconclusive, outcome_name}; }
constexpr Words<Soak::Growth> words(Soak::Growth) { return {Soak::Growth::unclear, soak_growth_name}; }
constexpr Words<SoakRun::End> words(SoakRun::End) { return {SoakRun::End::stopped, soak_end_name}; }
constexpr Words<Resource> words(Resource) { return {Resource::processes, resource_name}; }
constexpr Words<LeftOutWhy> words(LeftOutWhy) { return {LeftOutWhy::no_body, left_out_why_name}; }
constexpr Words<GroupBy> words(GroupBy) {
    return {GroupBy::process, [](GroupBy by) -> std::string_view {
                using enum GroupBy;
                return by == line ? "line" : by == function ? "function" : by == file ? "file" : "process";
            }};
}
constexpr Words<LineTable::Origin> words(LineTable::Origin) {
    return {LineTable::Origin::observed,
            [](LineTable::Origin origin) -> std::string_view { return origin == LineTable::Origin::observed ? "observed" : "recording"; }};
}
constexpr Words<Holder::Root> words(Holder::Root) { return {Holder::Root::damaged_heap, root_name}; }
constexpr Words<Runtime> words(Runtime) { return {Runtime::perl, runtime_name}; }
constexpr Words<Growth::Per> words(Growth::Per) {
    return {Growth::Per::hour, [](Growth::Per per) -> std::string_view { return per == Growth::Per::request ? "request" : "hour"; }};
}

template <class A>
void fields(A& a, In<A, Interval>& interval) {
    a("estimate", interval.estimate);
    a("low", interval.low);
    a("high", interval.high);
}

template <class A>
void fields(A& a, In<A, TrendVerdict>& trend) {
    a("verdict", trend.verdict);
    a("class", trend.growth_class);
    a("p_leak", trend.p_leak);
    a("slope_bytes_per_hour", trend.slope_bytes_per_hour);
    a("bytes_per_request", trend.bytes_per_request);
    a("detectable_bytes_per_hour", trend.detectable_bytes_per_hour);
    a("detectable_bytes_per_request", trend.detectable_bytes_per_request);
    a("warmup_end_s", trend.warmup_end_s);
    a("plateau_bytes", trend.plateau_bytes);
    a("level_bytes", trend.level_bytes);
    a("time_to_limit_h", trend.time_to_limit_h);
    a("reasons", trend.reasons);
}

template <class A>
void fields(A& a, In<A, CodeLine>& line) {
    a("file", line.file);
    a("line", line.line);
    a("function", line.function);
}

template <class A>
void fields(A& a, In<A, CallerNode>& caller) {
    fields(a, caller.at);
    a("growth_bytes", caller.growth_bytes);
    a("growth_blocks", caller.growth_blocks);
    a("allocations", caller.allocations);
    a("allocated_bytes", caller.allocated_bytes);
    a.where_any("callers", caller.callers);
}

template <class A>
void fields(A& a, In<A, LineGrowth>& line) {
    fields(a, line.at);
    a("source", line.source);
    a("growth_bytes", line.growth_bytes);
    a.where_any("growth_error_bytes", line.growth_error_bytes);
    a("live_first_bytes", line.live_first_bytes);
    a("live_last_bytes", line.live_last_bytes);
    a.where_any("live_error_bytes", line.live_error_bytes);
    a("live_peak_bytes", line.live_peak_bytes);
    a("live_first_blocks", line.live_first_blocks);
    a("live_last_blocks", line.live_last_blocks);
    a.where_any("kept_entries", line.kept_entries);
    a("allocations", line.allocations);
    a("allocated_bytes", line.allocated_bytes);
    a.derived("bytes_per_request", line.bytes_per_request ? std::optional(line.bytes_per_request->estimate) : std::nullopt);
    a("bytes_per_request_interval", line.bytes_per_request);
    a("bytes_per_hour_interval", line.bytes_per_hour);
    a.where_any("bytes_per_connection", line.bytes_per_connection);
    a("follows", line.follows);
    a("bytes_per_hour_by_time", line.bytes_per_hour_by_time);
    a("class", line.growth_class);
    a("leaking", line.leaking);
    a("p_value", line.p_value);
    a("payload_bytes", line.payload_bytes);
    a("user_code", line.user_code);
    a("live_at_marks", line.live_at_marks);
    a("callers", line.callers);
}

template <class A>
void fields(A& a, In<A, HeadlineLine>& headline) {
    fields(a, headline.line);
    a("share", headline.share);
    a("lines", headline.lines);
    a("elsewhere", headline.elsewhere);
}

template <class A>
void fields(A& a, In<A, LineCells>& cells) {
    a("usage_bytes", cells.usage_bytes);
    a("increment_bytes", cells.increment_bytes);
    a("occurrences", cells.occurrences);
}

template <class A>
void fields(A& a, In<A, LineTable::Row>& row) {
    a("line", row.line);
    a("text", row.text);
    a.beside("usage_bytes", row.cells);
}

template <class A>
void fields(A& a, In<A, LineTable>& table) {
    a("file", table.file);
    a("function", table.function);
    a("origin", table.origin);
    a("rows", table.rows);
}

template <class A>
void fields(A& a, In<A, Accounting>& accounting) {
    a("live_delta_bytes", accounting.live_delta_bytes);
    a.where_any("live_delta_error_bytes", accounting.live_delta_error_bytes);
    a("attributed_bytes", accounting.attributed_bytes);
    a("unattributed_bytes", accounting.unattributed_bytes);
    a("rss_delta_bytes", accounting.rss_delta_bytes);
    a.where_any("overhead_delta_bytes", accounting.overhead_delta_bytes);
    a("retention_delta_bytes", accounting.retention_delta_bytes);
    a("other_delta_bytes", accounting.other_delta_bytes);
}

template <class A>
void fields(A& a, In<A, Sampling>& sampling) {
    a("interval_bytes", sampling.interval);
    a("first_interval_bytes", sampling.first_interval);
    a("samples", sampling.samples);
}

template <class A>
void fields(A& a, In<A, RecordingTotals>& totals) {
    a("allocations", totals.allocations);
    a("leaked_bytes", totals.leaked_bytes);
    a("leaked_blocks", totals.leaked_blocks);
    a("peak_bytes", totals.peak_bytes);
    a("duration_s", totals.duration);
    a.where_any("suppressed_bytes", totals.suppressed_bytes);
    a.where_any("sampling", totals.sampling);
}

// Members that a line report and a diagnosis share, with the same names.
template <class A>
void fields(A& a, In<A, LineReport>& report) {
    a.where_any("headline_line", report.headline);
    a.where_any("lines_unavailable", report.unavailable);
    a("runtime", report.runtime);
    a("lines", report.lines);
    a("books", report.accounting);
    a.object("window", [&](auto& window) {
        window("begin_s", report.window_begin);
        window("end_s", report.window_end);
    });
    a("completeness", report.completeness);
    a("by", report.by);
    a("totals", report.totals);
    a.object("marks", [&](auto& marks) {
        marks("seconds", report.mark_seconds);
        marks("requests", report.mark_requests);
    });
    a("tables", report.tables);
}

// The rest of a line report: of its document, or of the member "recording" of a diagnosis.
template <class A>
void recording_fields(A& a, In<A, LineReport>& report) {
    a("command", report.command);
    a("warnings", report.warnings);
}

template <class A>
void fields(A& a, In<A, LatencySummary>& latency) {
    a("p50", latency.p50);
    a("p90", latency.p90);
    a("p99", latency.p99);
    a("p999", latency.p999);
    a("max", latency.max);
    a("mean", latency.mean);
    a("count", latency.count);
    a.where_any("buckets", latency.buckets);
}

template <class A>
void fields(A& a, In<A, ReplayStats::PathStats>& path) {
    a("sent", path.sent);
    a("completed", path.completed);
    a("errors", path.errors);
    a.where_any("failed_as_recorded", path.failed_as_recorded);
    a("latency_us", path.latency);
}

template <class A>
void fields(A& a, In<A, LeftOut>& left) {
    a("kind", left.kind);
    a("why", left.why);
    a("requests", left.requests);
}

template <class A>
void fields(A& a, In<A, ReplayValues::Extracted>& value) {
    a("name", value.name);
    a("searched", value.searched);
    a("found", value.found);
    a("missing", value.missing);
}

template <class A>
void fields(A& a, In<A, ReplayValues>& values) {
    a("substituted", values.substituted);
    a("as_recorded", values.as_recorded);
    a("skipped", values.skipped);
    a("cookies", values.cookies);
    a.where_any("undecodable", values.undecodable);
    a.where_any("unusable", values.unusable);
    a("extracted", values.extracted);
}

template <class A>
void fields(A& a, In<A, ReplayStats>& stats) {
    a("read", stats.read);
    a("bad", stats.bad);
    a("filtered", stats.filtered);
    a("sent", stats.sent);
    a("unsent", stats.unsent);
    a("completed", stats.completed);
    a("statuses", stats.statuses);
    a.object("failures", [&](auto& failures) {
        for (std::size_t i = 0; i < kFailureCount; ++i) failures.where_any(failure_name(static_cast<Failure>(i)), stats.failures[i]);
    });
    a("late", stats.late);
    a("retried", stats.retried);
    a("connections", stats.connections);
    a.where_any("unexpected", stats.unexpected);
    a("latency_us", stats.latency);
    a("service_us", stats.service);
    a("send_lag_us", stats.send_lag);
    a("duration_s", stats.duration_s);
    a("rate", stats.rate);
    a("target_rate", stats.target_rate);
    a("valid", stats.valid);
    a("reasons", stats.reasons);
    a("log_requests", stats.log_requests);
    a.where_any("left_out", stats.left_out);
    a.where_any("fresh", stats.fresh);
    a.where_any("not_fresh", stats.not_fresh);
    a.where_any("values", stats.values);
    a("paths", stats.paths);
    a("warnings", stats.warnings);
}

template <class A>
void fields(A& a, In<A, SoakRun>& run) {
    a("time_scale", run.time_scale);
    a("duration_s", run.duration_s);
    a("hours", run.hours);
    a("kept_up", run.kept_up);
    a("requests", run.requests);
    a("limit_reached_h", run.limit_reached_h);
    a("settled_h", run.settled_h);
    a("end", run.end);
    a("trend", run.trend);
}

template <class A>
void fields(A& a, In<A, Soak>& soak) {
    a("hours", soak.hours);
    a("growth", soak.growth);
    a("reason", soak.reason);
    a("service_scaled", soak.service_scaled);
    a("capacity", soak.capacity);
    a("bytes_per_request", soak.bytes_per_request);
    a("level_bytes", soak.level_bytes);
    a("time_to_limit_h", soak.time_to_limit_h);
    a("runs", soak.runs);
}

template <class A>
void fields(A& a, In<A, Growth>& growth) {
    a("bytes", growth.bytes);
    a("per", growth.per);
}

template <class A>
void fields(A& a, In<A, Gate>& gate) {
    a("name", gate.name);
    a("outcome", gate.outcome);
    a("message", gate.message);
}

template <class A>
void fields(A& a, In<A, OomKill>& kill) {
    a("at_s", kill.at_s);
    a("requests", kill.requests);
    a("predicted_at_s", kill.predicted_at_s);
    a("predicted_requests", kill.predicted_requests);
    a("text", kill.text);
}

template <class A>
void fields(A& a, In<A, HolderPart>& part) {
    a("path", part.path);
    a("type", part.type);
    a("elements", part.elements);
    a("objects", part.objects);
    a("bytes", part.bytes);
}

template <class A>
void fields(A& a, In<A, BlockKind>& kind) {
    a.where_any("class", kind.name);
    a("block_bytes", kind.block_size);
    a("blocks", kind.blocks);
    a("bytes", kind.bytes);
}

template <class A>
void fields(A& a, In<A, Holder>& holder) {
    a("root", holder.root);
    a("path", holder.path);
    a("runtime", holder.runtime);
    a("type", holder.type);
    a("elements", holder.elements);
    a.where_any("element_type", holder.element_type);
    a.where_any("function", holder.function);
    a.where_any("thread", holder.thread);
    a.where_any("module", holder.module);
    a("file", holder.file);
    a("line", holder.line);
    a("bytes", holder.bytes);
    a("blocks", holder.blocks);
    a.where_any("shared_bytes", holder.shared_bytes);
    a.where_any("shared_with", holder.shared_with);
    a.where_any("growth_bytes", holder.growth_bytes);
    a.where_any("growth_elements", holder.growth_elements);
    a("parts", holder.parts);
    a.where_any("kinds", holder.kinds);
}

template <class A>
void fields(A& a, In<A, HeldBy>& held_by) {
    a.where_any("holder", held_by.holder);
    a.where_any("lost_blocks", held_by.lost_blocks);
    a.where_any("lost_bytes", held_by.lost_bytes);
    a("lost_in_cycles", held_by.lost_in_cycles);
}

template <class A>
void fields(A& a, In<A, EndpointGrowth>& endpoint) {
    a("endpoint", endpoint.endpoint);
    a("bytes_per_request", endpoint.bytes_per_request);
    a("leaks", endpoint.leaks);
}

template <class A>
void fields(A& a, In<A, ResourceKind>& kind) {
    a("name", kind.name);
    a("growth", kind.growth);
    a("grows", kind.grows);
    a("at_marks", kind.at_marks);
}

template <class A>
void fields(A& a, In<A, ResourceExhaustion>& exhausted) {
    a("count", exhausted.count);
    a("requests", exhausted.requests);
    a("at_s", exhausted.at_s);
}

template <class A>
void fields(A& a, In<A, ResourceGrowth>& growth) {
    a("resource", growth.resource);
    a("verdict", growth.verdict);
    a("reasons", growth.reasons);
    a("growth", growth.growth);
    a("per_request", growth.per_request);
    a("per_hour", growth.per_hour);
    a("follows_time", growth.follows_time);
    a("detectable_per_request", growth.detectable_per_request);
    a("limit", growth.limit);
    a("limit_name", growth.limit_name);
    a("used", growth.used);
    a("limited_share", growth.limited_share);
    a("time_to_limit_h", growth.time_to_limit_h);
    a("exhausted", growth.exhausted);
    a("idle_growth", growth.idle_growth);
    a("at_marks", growth.at_marks);
    a("kinds", growth.kinds);
}

template <class A>
void fields(A& a, In<A, ProcessGrowth>& process) {
    a("pid", process.pid);
    a("name", process.name);
    a("recorded", process.recorded);
    a("ended", process.ended);
    a("begin_s", process.begin_s);
    a("end_s", process.end_s);
    a("first_bytes", process.first_bytes);
    a("last_bytes", process.last_bytes);
    a("cpu_s", process.cpu_s);
    a("verdict", process.verdict);
    a("bytes_per_request", process.bytes_per_request);
}

template <class A>
void fields(A& a, In<A, ProcessTree>& tree) {
    a("seen", tree.seen);
    a("ended", tree.ended);
    a("most", tree.most);
    a("recorded_cpu_s", tree.recorded_cpu_s);
    a("unrecorded_cpu_s", tree.unrecorded_cpu_s);
    a("unrecorded_growth_bytes", tree.unrecorded_growth_bytes);
    a("ended_growth_bytes", tree.ended_growth_bytes);
    a("list", tree.processes);
}

template <class A>
void fields(A& a, In<A, Resources>& resources) {
    a("mark_seconds", resources.mark_seconds);
    a("mark_requests", resources.mark_requests);
    a("idle_s", resources.idle_s);
    a("counts", resources.counts);
    a("processes", resources.tree);
}

template <class A>
void fields(A& a, In<A, ConnectionGrowth::Line>& line) {
    fields(a, line.at);
    a("bytes_per_connection", line.bytes_per_connection);
}

template <class A>
void fields(A& a, In<A, LongConnectionRun>& run) {
    a("connections", run.connections);
    a("growth_bytes", run.growth_bytes);
    a("verdict", run.verdict);
    a("bytes_per_connection", run.bytes_per_connection);
    a("detectable_bytes_per_connection", run.detectable_bytes_per_connection);
}

template <class A>
void fields(A& a, In<A, ConnectionGrowth>& growth) {
    a("leaks", growth.leaks);
    a("bytes_per_connection", growth.bytes_per_connection);
    a("bytes_per_request", growth.bytes_per_request);
    a("detectable_bytes_per_connection", growth.detectable_bytes_per_connection);
    a("blocks", growth.blocks);
    a("connections", growth.connections);
    a("requests", growth.requests);
    a.where_any("lines", growth.lines);
    a.where_any("long_run", growth.long_run);
}

template <class A>
void fields(A& a, In<A, CollectedHeap::Class>& type) {
    a("name", type.name);
    a("growth_bytes", type.growth_bytes);
    a("growth_objects", type.growth_objects);
}

template <class A>
void fields(A& a, In<A, CollectedHeap>& heap) {
    a("runtime", heap.runtime);
    a("verdict", heap.verdict);
    a("growth_bytes", heap.growth_bytes);
    a("bytes_per_request", heap.bytes_per_request);
    a("detectable_bytes_per_request", heap.detectable_bytes_per_request);
    a("classes", heap.classes);
    a("memory_verdict", heap.memory_verdict);
    a("memory_bytes_per_request", heap.memory_bytes_per_request);
    a("memory_detectable_bytes_per_request", heap.memory_detectable_bytes_per_request);
    a.object("marks", [&](auto& marks) {
        marks("seconds", heap.mark_seconds);
        marks("requests", heap.mark_requests);
        marks("live_bytes", heap.live_bytes);
        marks("memory_bytes", heap.memory_bytes);
        marks.check(heap.mark_seconds.size() == heap.live_bytes.size() && heap.mark_requests.size() == heap.live_bytes.size() &&
                        heap.memory_bytes.size() == heap.live_bytes.size(),
                    "columns of equal length");
    });
}

template <class A>
void fields(A& a, In<A, KindCoverage>& kind) {
    a("kind", kind.kind);
    a("left_out", kind.left_out);
    a("without_body", kind.without_body);
    a("sent", kind.sent);
    a("failed", kind.failed);
}

template <class A>
void fields(A& a, In<A, Coverage>& coverage) {
    a("log_requests", coverage.log_requests);
    a("not_served", coverage.kinds);
    a.where_any("recorded_identifiers", coverage.recorded_identifiers);
}

template <class A>
void fields(A& a, In<A, Round>& round) {
    a("begin_s", round.begin_s);
    a("end_s", round.end_s);
    a("requests", round.requests);
    a("connections", round.connections);
    a.where_any("answered_s", round.answered_s);
}

template <class A>
void fields(A& a, In<A, IdleTime>& idle) {
    a("seconds", idle.seconds);
    a("growth_bytes", idle.growth_bytes);
}

template <class A>
void fields(A& a, In<A, Diagnosis>& diagnosis) {
    a("verdict", diagnosis.verdict);
    a("reasons", diagnosis.reasons);
    a("command", diagnosis.command);
    a("target", diagnosis.target);
    a("traffic", diagnosis.traffic);
    a("started", diagnosis.started);
    a("trend", diagnosis.trend);
    fields(a, diagnosis.lines);
    a("replay", diagnosis.replay);
    a("memory_limit_bytes", diagnosis.memory_limit);
    a("max_growth", diagnosis.max_growth);
    a("accepted", diagnosis.accepted);
    a.where_any("retries", diagnosis.retries);
    a("gates", diagnosis.gates);
    a("requests_per_second", diagnosis.requests_per_second);
    a.where_any("oom_kill", diagnosis.oom_kill);
    a.where_any("soak", diagnosis.soak);
    a.where_any("endpoints", diagnosis.endpoints);
    a.where_any("held_by", diagnosis.held_by);
    a.where_any("connections", diagnosis.connections);
    a.where_any("live_objects", diagnosis.collected);
    a("coverage", diagnosis.coverage);
    a("follows", diagnosis.split.follows);
    a("bytes_per_request_by_requests", diagnosis.split.bytes_per_request);
    a("bytes_per_hour_by_time", diagnosis.split.bytes_per_hour_by_time);
    a.object("growth", [&](auto& growth) {
        growth("source", diagnosis.growth.source);
        growth("follows", diagnosis.growth.split.follows);
        growth("bytes_per_request", diagnosis.growth.split.bytes_per_request);
        growth("bytes_per_hour_by_time", diagnosis.growth.split.bytes_per_hour_by_time);
    });
    a.where_any("still_filling", diagnosis.still_filling);
    a.where_any("idle", diagnosis.idle);
    a("projected_bytes_per_hour", diagnosis.projected_bytes_per_hour);
    a("rounds", diagnosis.rounds);
    a.where_any("resources", diagnosis.resources);
    a.object("series", [&](auto& series) {
        auto& columns = diagnosis.series;
        series("name", columns.name);
        series("metric", diagnosis.metric);
        series("seconds", columns.seconds);
        series("value_bytes", columns.value);
        series("requests", columns.requests);
        series("process", columns.process);
        const auto fits = [&](const auto& column) { return column.empty() || column.size() == columns.size(); };
        series.check(columns.value.size() == columns.size() && fits(columns.requests) && fits(columns.process), "columns of equal length");
    });
    a.object("recording", [&](auto& recording) { recording_fields(recording, diagnosis.lines); });
    a.joined("warnings", diagnosis.warnings, diagnosis.caveats);
}

}  // namespace leakline::report
