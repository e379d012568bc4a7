#include "analysis/gate_report.hpp"

#include <algorithm>
#include <cmath>

namespace leakline::analysis {

namespace {

std::optional<double> finite(const std::optional<double>& value) { return value && std::isfinite(*value) ? value : std::nullopt; }

// Until memory of this level has grown to the limit; nothing without a limit or growth.
std::optional<double> hours_to(const std::optional<Bytes>& limit, const std::optional<double>& level,
                               std::optional<double> bytes_per_hour) {
    if (!limit || !level || !bytes_per_hour || !(*bytes_per_hour > 0)) return std::nullopt;
    return std::max(0.0, static_cast<double>(*limit) - *level) / *bytes_per_hour;
}

std::optional<double> level_of(const Diagnosis& run) { return run.trend.level_bytes ? run.trend.level_bytes : run.trend.plateau_bytes; }

std::optional<double> per_hour(const Diagnosis& run, const std::optional<double>& bytes_per_request) {
    if (!bytes_per_request || !run.requests_per_second) return std::nullopt;
    return *bytes_per_request * *run.requests_per_second * 3600;
}

// The smallest leak of one run: its smallest leaking line, else what its verdict states.
std::optional<GateReport::Smallest> smallest_of(const std::string& file, const Diagnosis& run) {
    if (run.verdict != Verdict::leak) return std::nullopt;
    std::optional<GateReport::Smallest> smallest;
    const auto take = [&](const CodeLine& at, const std::string& source, double bytes) {
        if (!(bytes > 0) || (smallest && smallest->bytes_per_request <= bytes)) return;
        smallest = {file, at, source, bytes, hours_to(run.memory_limit, level_of(run), per_hour(run, bytes))};
    };
    for (const LineGrowth& line : run.lines.lines)
        if (line.leaking && line.bytes_per_request) take(line.at, line.source, line.bytes_per_request->estimate);
    if (!smallest)
        if (const auto stated = stated_per_request(run)) take({}, "", stated->estimate);
    return smallest;
}

}  // namespace

GateReport explain_gate(std::vector<std::pair<std::string, Diagnosis>> runs) {
    GateReport report;
    std::stable_sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.second.started < b.second.started; });
    std::vector<double> limits;
    for (const auto& [file, run] : runs) {
        ++report.runs;
        report.leaks += run.verdict == Verdict::leak;
        report.inconclusive += run.verdict == Verdict::inconclusive;
        report.invalid += run.verdict == Verdict::invalid;
        if (const auto limit = finite(run.trend.detectable_bytes_per_request); limit && run.verdict != Verdict::invalid)
            limits.push_back(*limit);
        const auto smallest = smallest_of(file, run);
        if (smallest && (!report.smallest || smallest->bytes_per_request < report.smallest->bytes_per_request)) report.smallest = smallest;
    }
    if (!limits.empty()) {
        std::sort(limits.begin(), limits.end());
        report.detectable_of_runs = Interval{limits[limits.size() / 2], limits.front(), limits.back()};
    }
    auto chosen = std::find_if(runs.rbegin(), runs.rend(), [](const auto& one) { return one.second.verdict != Verdict::invalid; });
    if (chosen == runs.rend()) chosen = runs.rbegin();
    report.file = chosen->first;
    report.run = std::move(chosen->second);
    report.level_bytes = level_of(report.run);
    report.run.series = {};
    if (report.run.verdict == Verdict::invalid) return report;
    report.detectable_bytes_per_request = finite(report.run.trend.detectable_bytes_per_request);
    report.detectable_bytes_per_hour = per_hour(report.run, report.detectable_bytes_per_request);
    report.fails_bytes_per_request = report.detectable_bytes_per_request;
    if (const auto& budget = report.run.max_growth; budget && budget->per == Growth::Per::request && report.fails_bytes_per_request)
        report.fails_bytes_per_request = std::max(*report.fails_bytes_per_request, budget->bytes);
    report.hours_to_limit = hours_to(report.run.memory_limit, report.level_bytes, report.detectable_bytes_per_hour);
    return report;
}

}  // namespace leakline::analysis
