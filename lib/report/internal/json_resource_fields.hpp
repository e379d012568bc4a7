// The members of descriptors, threads, mappings, processes and IPC objects as JSON.
#pragma once

#include "model/resources.hpp"
#include "report/internal/json_archive.hpp"

namespace leakline::report {

constexpr Words<Resource> words(Resource) { return {Resource::ipc_objects, resource_name}; }

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

}  // namespace leakline::report
