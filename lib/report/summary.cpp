#include "report/internal/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/ascii.hpp"
#include "base/quantities.hpp"
#include "report/internal/holder_words.hpp"
#include "report/internal/type_words.hpp"

namespace leakline::report {

namespace {

// The smallest growth that could have been detected: per request if requests are known, else per
// hour.
std::optional<DetectionLimit> smallest_growth(const TrendVerdict& trend) {
    if (trend.detectable_bytes_per_request && std::isfinite(*trend.detectable_bytes_per_request))
        return DetectionLimit{format_bytes(*trend.detectable_bytes_per_request), "per request"};
    if (trend.detectable_bytes_per_hour && std::isfinite(*trend.detectable_bytes_per_hour))
        return DetectionLimit{format_bytes(*trend.detectable_bytes_per_hour), "per hour"};
    return std::nullopt;
}

// What "no leak" is limited to: "above ", a size, and the requests that it is about.
struct Scope {
    std::string before, size, after;
};

Scope scope_of(const Diagnosis& diagnosis) {
    const Coverage& coverage = diagnosis.coverage;
    const std::string covered = !coverage.kinds.empty()                  ? " in the requests that were served"
                                : !coverage.recorded_identifiers.empty() ? " with recorded identifiers"
                                                                         : "";
    if (grows_within_budget(diagnosis)) return {"above the budget", "", covered};
    const auto smallest = smallest_growth(diagnosis.trend);
    return {"above ", smallest ? smallest->text() : "an unknown size", covered};
}

void add_verdict_words(Summary& summary, const Diagnosis& diagnosis) {
    const auto set = [&](std::string head, std::string qualification, std::string verdict) {
        summary.verdict_words = {std::move(head), std::move(qualification)};
        summary.verdict = std::move(verdict);
    };
    switch (diagnosis.verdict) {
        case Verdict::leak: {
            const std::string text = diagnosis.accepted ? "LEAK (ACCEPTED)" : "LEAK";  // by the baseline, or by budgets
            return set(text, "", text);
        }
        case Verdict::no_leak: {
            const Scope scope = scope_of(diagnosis);
            return set("NO LEAK", scope.before + scope.size + scope.after,
                       "NO LEAK " + to_upper(scope.before) + scope.size + to_upper(scope.after));
        }
        case Verdict::inconclusive:
            if (diagnosis.still_filling) return set("LEAK OR A CACHE", "that is still filling", "LEAK OR A CACHE THAT IS STILL FILLING");
            return set("INCONCLUSIVE", "", "INCONCLUSIVE");
        case Verdict::invalid: return set("INVALID", "", "INVALID");
    }
}

void add_limit(Summary& summary, const Diagnosis& diagnosis) {
    if (!diagnosis.memory_limit || diagnosis.verdict == Verdict::invalid) return;
    const std::string limit = format_bytes(static_cast<double>(*diagnosis.memory_limit));
    if (diagnosis.verdict == Verdict::no_leak && !grows_within_budget(diagnosis)) {
        summary.limit_state = LimitState::not_reached;
        summary.limit = limit + " is not reached";
    } else if (!diagnosis.trend.time_to_limit_h) {
        summary.limit_state = LimitState::unknown;
        summary.limit = limit + ": time to the limit is unknown";
    } else {
        const Interval& hours = *diagnosis.trend.time_to_limit_h;
        summary.limit_state = LimitState::known;
        if (diagnosis.requests_per_second && diagnosis.growth.split.follows != Follows::time && hours.estimate > 0)
            summary.limit_rate = log_rate_text(*diagnosis.requests_per_second);
        summary.limit = fmt::format("{} is {}{}{}", limit, reached_text(hours), summary.limit_rate.empty() ? "" : " ", summary.limit_rate);
    }
}

// Too few samples have no slope; one that was measured as zero has an interval.
bool has_slope(const TrendVerdict& trend) {
    const Interval& slope = trend.slope_bytes_per_hour;
    return trend.bytes_per_request || slope.estimate != 0 || slope.low != slope.high;
}

}  // namespace

std::string log_rate_text(double rate) {
    // Three digits, or all digits before the point: no powers of ten.
    return fmt::format("at the log's rate of {} requests/s", rate < 999.5 || rate > 1e15
                                                                 ? fmt::format("{:.3g}", rate)
                                                                 : format_count(static_cast<std::uint64_t>(std::llround(rate))));
}

std::string interval_bounds(const Interval& bytes) {
    if (!std::isfinite(bytes.low) || !std::isfinite(bytes.high)) return "(no bounds)";
    const std::string estimate = format_bytes(bytes.estimate), low = format_bytes(bytes.low), high = format_bytes(bytes.high);
    return low == estimate && high == estimate ? "" : fmt::format("({} to {})", low, high);
}

std::string interval_text(const Interval& bytes) {
    const std::string bounds = interval_bounds(bytes);
    return format_bytes(bytes.estimate) + (bounds.empty() ? "" : " ") + bounds;
}

std::string hours_text(double hours) {
    if (!std::isfinite(hours)) return "never";
    if (hours < 72) {
        const auto seconds = static_cast<std::int64_t>(std::llround(std::max(hours, 0.0) * 3600));
        // Two units are enough: "11h12m", not "11h12m07s".
        return format_duration(std::chrono::seconds(seconds >= 3600 ? (seconds + 30) / 60 * 60 : seconds));
    }
    if (hours < 24 * 365 * 10) return fmt::format("{:.3g} days", hours / 24);
    return "more than 10 years";
}

std::string hours_interval_text(const Interval& hours) {
    const std::string estimate = hours_text(hours.estimate), low = hours_text(hours.low), high = hours_text(hours.high);
    if (low == estimate && high == estimate) return estimate;
    return fmt::format("{} ({} to {})", estimate, low, high);
}

std::string reached_text(const Interval& hours) {
    if (hours.estimate <= 0) return "reached already";
    return std::isinf(hours.estimate) ? "never reached" : "reached in " + hours_interval_text(hours);
}

std::string latency_text(double microseconds) {
    if (microseconds >= 1e6) return fmt::format("{:.3g} s", microseconds / 1e6);
    return microseconds != 0 && microseconds < 10 ? fmt::format("{:.3g} µs", microseconds) : fmt::format("{:.3g} ms", microseconds / 1000);
}

std::string slope_text(const TrendVerdict& trend) {
    if (!has_slope(trend)) return "not measured";
    std::string text;
    if (trend.bytes_per_request) text = interval_text(*trend.bytes_per_request) + " per request, ";
    return text + interval_text(trend.slope_bytes_per_hour) + " per hour";
}

std::string diagnosed_growth_text(const Diagnosis& diagnosis) {
    if (grows_by_connections_alone(diagnosis)) return interval_text(diagnosis.connections->bytes_per_connection) + " per connection";
    const StatedGrowth& growth = diagnosis.growth;
    if (growth.source == StatedGrowth::Source::none) return "not measured";
    const GrowthSplit& split = growth.split;
    const bool by_lines = growth.source == StatedGrowth::Source::lines, by_objects = growth.source == StatedGrowth::Source::objects;
    const std::string whole =
        by_lines || by_objects
            ? "; total memory: " + (diagnosis.trend.bytes_per_request ? interval_text(*diagnosis.trend.bytes_per_request) + " per request"
                                                                      : slope_text(diagnosis.trend))
            : "";
    const std::string whose = by_lines ? " through the leaking lines" : by_objects ? " in live objects" : "";
    if (split.follows == Follows::time)
        return interval_text(*split.bytes_per_hour_by_time) + " per hour over time, independent of requests" + whose + whole;
    // A report from before growth was stated has the trend's growth.
    const auto per_request = stated_per_request(diagnosis);
    if (!per_request || (!by_lines && !by_objects && !split.bytes_per_hour_by_time && !diagnosis.projected_bytes_per_hour))
        return slope_text(diagnosis.trend);
    std::string text = interval_text(*per_request) + " per request";
    if (split.bytes_per_hour_by_time) text += fmt::format(" and {} per hour over time", interval_text(*split.bytes_per_hour_by_time));
    text += whose;
    if (diagnosis.projected_bytes_per_hour && diagnosis.requests_per_second)
        text += fmt::format(": {} per hour {}", interval_text(*diagnosis.projected_bytes_per_hour),
                            log_rate_text(*diagnosis.requests_per_second));
    return text + whole;
}

std::string traffic_text(const Diagnosis& diagnosis) {
    const std::string name = diagnosis.traffic.empty() ? "-" : diagnosis.traffic;
    return diagnosis.soak ? name : fmt::format("{}, {} rounds", name, diagnosis.rounds.size());
}

DetectionLimit detection_limit(const TrendVerdict& trend) {
    auto smallest = smallest_growth(trend);
    if (!smallest) return {"unknown", "(too little data)"};
    // Smaller leaks are sometimes found; "could have seen" would contradict the lines above.
    if (trend.verdict == Trend::growing && trend.slope_bytes_per_hour.estimate < trend.detectable_bytes_per_hour.value_or(0))
        smallest->note += " (smaller leaks are sometimes found)";
    return *smallest;
}

const LineTable* table_of(const LineReport& lines, const CodeLine& line) {
    for (const LineTable& table : lines.tables)
        if (table.file == line.file && table.function == line.function) return &table;
    // A table is of a physical function; the line may be named by a function inlined into it.
    for (const LineTable& table : lines.tables)
        if (table.file == line.file &&
            std::any_of(table.rows.begin(), table.rows.end(), [&](const auto& row) { return row.line == line.line; }))
            return &table;
    return nullptr;
}

Summary summarize(const Diagnosis& diagnosis) {
    Summary summary;
    add_verdict_words(summary, diagnosis);
    summary.reason = diagnosis.reasons.empty() ? "no reason was given" : diagnosis.reasons.front();
    summary.growth = diagnosed_growth_text(diagnosis);
    // What leaks is a count; its growth is a row of its own.
    if (only_resources_leak(diagnosis)) summary.growth = "memory: " + summary.growth;
    add_limit(summary, diagnosis);
    summary.detection = diagnosis.verdict == Verdict::invalid ? DetectionLimit{"not measured", ""} : detection_limit(diagnosis.trend);
    if (diagnosis.verdict == Verdict::invalid) return summary;
    const LineReport& lines = diagnosis.lines;
    summary.top = reported_line(diagnosis);
    if (diagnosis.held_by && (summary.top != nullptr || leaking_line(lines) == nullptr)) summary.held_by = held_by_text(*diagnosis.held_by);
    if (summary.top != nullptr) summary.types = type_growth_words(diagnosis.types);
    if (summary.top != nullptr && diagnosis.audited) {
        summary.audited = cause_message(*diagnosis.audited);
        for (const std::string& doubt : diagnosis.audited->doubts) summary.audited += " (" + doubt + ")";
    }
    if (summary.top != nullptr) summary.table = table_of(lines, summary.top->at);
    const bool is_headline = lines.headline && summary.top == &lines.headline->line;
    if (is_headline) summary.top_note = headline_note(*lines.headline);
    if (summary.table == nullptr && !lines.tables.empty() && (is_headline || summary.top == nullptr)) summary.table = &lines.tables.front();
    return summary;
}

std::string line_and_function(const CodeLine& line) {
    const std::string function = short_function(line.function);
    return place_text(line) + (function.empty() || line.file.empty() ? "" : " in " + function);
}

std::string headline_note(const HeadlineLine& headline) {
    std::string note;
    if (headline.lines > 1) note = fmt::format("sum of {} that allocate for it", counted(headline.lines, "line"));
    if (headline.elsewhere > 0)
        note += fmt::format("{}{:.0f} % of the growth of all leaking lines; {} elsewhere", note.empty() ? "" : "; ", headline.share * 100,
                            counted(headline.elsewhere, "line"));
    return note;
}

std::vector<std::string> endpoint_words(const Diagnosis& diagnosis) {
    constexpr std::size_t kMax = 12;
    std::vector<std::string> out;
    for (const EndpointGrowth& endpoint : diagnosis.endpoints) {
        if (out.size() == kMax) {
            out.push_back(fmt::format("and {} more", diagnosis.endpoints.size() - kMax));
            break;
        }
        out.push_back(fmt::format("{}: {} of heap per request{}", endpoint.endpoint, interval_text(endpoint.bytes_per_request),
                                  endpoint.leaks ? ", leaks" : ""));
    }
    return out;
}

std::string error_text(const std::optional<double>& standard_error) {
    return standard_error ? "+- " + format_bytes(kNormal95 * *standard_error) : std::string();
}

std::string growth_text(std::int64_t bytes, const std::optional<double>& standard_error) {
    return format_signed_bytes(static_cast<double>(bytes)) + (standard_error ? " " : "") + error_text(standard_error);
}

std::string sampling_text(const LineReport& report) {
    if (!report.totals.sampling) return {};
    const Sampling& sampling = *report.totals.sampling;
    std::string text = fmt::format("estimated from {} samples, one in {} allocated", format_count(sampling.samples),
                                   format_bytes(static_cast<double>(sampling.interval)));
    if (sampling.interval != sampling.first_interval)
        text += fmt::format(" at the end ({} at first)", format_bytes(static_cast<double>(sampling.first_interval)));
    return text;
}

std::vector<AccountingRow> accounting_rows(const Accounting& accounting) {
    std::vector<AccountingRow> rows = {
        {"attributed", accounting.attributed_bytes, "to a source line or function"},
        {"unattributed", accounting.unattributed_bytes, "no source line (missing symbols, or excluded by --only)"},
        {"live heap bytes", accounting.live_delta_bytes, "the sum of both"}};
    if (accounting.rss_delta_bytes) rows.push_back({"resident memory", *accounting.rss_delta_bytes, "RSS"});
    if (accounting.overhead_delta_bytes)
        rows.push_back({"added by malloc", *accounting.overhead_delta_bytes, "header and alignment of each live block, as in glibc"});
    if (accounting.retention_delta_bytes)
        rows.push_back({"kept by the allocator", *accounting.retention_delta_bytes, "freed, not returned"});
    if (accounting.file_delta_bytes)
        rows.push_back({"mapped files", *accounting.file_delta_bytes, "pages that the kernel takes back when memory is short"});
    if (accounting.other_delta_bytes)
        rows.push_back({"other", *accounting.other_delta_bytes, "RSS - live - added - kept: stacks, mappings, the recorder"});
    return rows;
}

}  // namespace leakline::report
