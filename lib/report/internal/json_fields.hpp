// The members of a diagnosis as JSON.
#pragma once

#include "model/diagnosis.hpp"
#include "report/internal/json_audit_fields.hpp"
#include "report/internal/json_holder_fields.hpp"
#include "report/internal/json_line_fields.hpp"
#include "report/internal/json_replay_fields.hpp"
#include "report/internal/json_resource_fields.hpp"

namespace leakline::report {

constexpr Words<Verdict> words(Verdict) { return {Verdict::invalid, verdict_name}; }
constexpr Words<StatedGrowth::Source> words(StatedGrowth::Source) { return {StatedGrowth::Source::none, source_name}; }
constexpr Words<GateOutcome> words(GateOutcome) { return {GateOutcome::inconclusive, outcome_name}; }
constexpr Words<Soak::Growth> words(Soak::Growth) { return {Soak::Growth::unclear, soak_growth_name}; }
constexpr Words<SoakRun::End> words(SoakRun::End) { return {SoakRun::End::stopped, soak_end_name}; }
constexpr Words<Growth::Per> words(Growth::Per) {
    return {Growth::Per::hour, [](Growth::Per per) -> std::string_view { return per == Growth::Per::request ? "request" : "hour"; }};
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
void fields(A& a, In<A, EndpointGrowth>& endpoint) {
    a("endpoint", endpoint.endpoint);
    a("bytes_per_request", endpoint.bytes_per_request);
    a("leaks", endpoint.leaks);
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
    a.where_any("commit", diagnosis.commit);
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
    a.where_any("types", diagnosis.types);
    a.where_any("audited", diagnosis.audited);
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
