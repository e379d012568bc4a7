// The members of a line report as JSON.
#pragma once

#include "model/lines.hpp"
#include "report/internal/json_archive.hpp"
#include "report/internal/json_resource_fields.hpp"

namespace leakline::report {

constexpr Words<Follows> words(Follows) { return {Follows::both, follows_name}; }
constexpr Words<GrowthClass> words(GrowthClass) { return {GrowthClass::unclear, growth_class_name}; }
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
constexpr Words<Runtime> words(Runtime) { return {Runtime::perl, runtime_name}; }

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
    a.where_any("library", caller.library);
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
void fields(A& a, In<A, ResourceLine>& line) {
    a("resource", line.resource);
    fields(a, line.at);
    a("source", line.source);
    a("caller", line.caller);
    a("growth", line.growth);
    a("per_request", line.per_request);
    a("grows", line.grows);
    a("at_marks", line.at_marks);
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
    a.where_any("file_delta_bytes", accounting.file_delta_bytes);
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
    a.where_any("resource_lines", report.resource_lines);
}

// The rest of a line report: of its document, or of the member "recording" of a diagnosis.
template <class A>
void recording_fields(A& a, In<A, LineReport>& report) {
    a("command", report.command);
    a("warnings", report.warnings);
}

}  // namespace leakline::report
