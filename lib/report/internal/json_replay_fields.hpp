// The members of the result of a replay as JSON.
#pragma once

#include "model/request.hpp"
#include "report/internal/json_archive.hpp"

namespace leakline::report {

constexpr Words<LeftOutWhy> words(LeftOutWhy) { return {LeftOutWhy::no_body, left_out_why_name}; }

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
    a.where_any("grpc_statuses", stats.grpc_statuses);
    a.object("failures", [&](auto& failures) {
        for (std::size_t i = 0; i < kFailureCount; ++i) failures.where_any(failure_name(static_cast<Failure>(i)), stats.failures[i]);
    });
    a("late", stats.late);
    a("retried", stats.retried);
    a("connections", stats.connections);
    a.where_any("http2", stats.http2);
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

}  // namespace leakline::report
