#include "analysis/lines/lines.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "analysis/internal/false_discovery.hpp"
#include "analysis/lines/code_kind.hpp"
#include "analysis/lines/function_name.hpp"
#include "analysis/lines/internal/attribution.hpp"
#include "analysis/lines/internal/callers.hpp"
#include "analysis/lines/internal/headline.hpp"
#include "analysis/lines/internal/history.hpp"
#include "analysis/lines/internal/judge.hpp"
#include "analysis/lines/internal/resource_lines.hpp"
#include "analysis/lines/internal/suppressions.hpp"
#include "analysis/lines/internal/tables.hpp"
#include "analysis/lines/window.hpp"
#include "analysis/verdict/held_by.hpp"
#include "base/quantities.hpp"
#include "base/redact.hpp"
#include "base/strings.hpp"

namespace leakline::analysis {

namespace {

// The share of wrongly named lines, among those named, that is accepted in the long run.
constexpr double kFalseDiscoveryRate = 0.05;

std::optional<Bytes> rss_at(const HeapProfile& profile, const Window& window, std::size_t mark, bool empty) {
    if (!empty && profile.marks[mark].rss) return profile.marks[mark].rss;
    const Nanoseconds at = empty ? Nanoseconds{} : window.first == mark ? window.begin : window.end;
    std::optional<Bytes> nearest;
    for (const RssPoint& point : profile.rss) {
        if (point.at > at && nearest) break;
        nearest = point.rss;
    }
    return nearest;
}

// The figures are glibc's. Where less is in use than the program has of tracked memory, that comes from another
// allocator, of which nothing is known. (Half, over all marks: each was read a little earlier or later.)
bool malloc_figures_are_usable(const HeapProfile& profile, const std::vector<TraceCost>& totals) {
    double in_use = 0, tracked = 0;
    for (std::size_t i = 0; i < profile.marks.size(); ++i) {
        if (!profile.marks[i].allocator_in_use) continue;
        in_use += static_cast<double>(*profile.marks[i].allocator_in_use);
        tracked += static_cast<double>(totals[i].live_bytes);
    }
    return in_use >= 0.5 * tracked;
}

Accounting balance(const HeapProfile& profile, const Window& window, const Histories& histories, const std::vector<TraceCost>& totals,
                   Bytes file_growth) {
    Accounting accounting;
    accounting.live_delta_bytes = histories.live_delta;
    if (profile.sampling) accounting.live_delta_error_bytes = std::sqrt(histories.variance.growth());
    accounting.unattributed_bytes = histories.unattributed;
    accounting.attributed_bytes = histories.live_delta - histories.unattributed;
    const auto first = rss_at(profile, window, window.first, window.from_empty);
    const auto last = rss_at(profile, window, window.last, false);
    const HeapMark &from = profile.marks[window.first], &to = profile.marks[window.last];
    const bool at_start = window.from_empty || from.kind == HeapMark::Kind::start;  // nothing was allocated yet
    // The figures and the rule are glibc's.
    const bool of_glibc = malloc_figures_are_usable(profile, totals);
    if (of_glibc && to.overhead_bytes && (at_start || from.overhead_bytes))
        accounting.overhead_delta_bytes = *to.overhead_bytes - (at_start ? 0 : *from.overhead_bytes);
    if (profile.attached && of_glibc && from.allocator_in_use && to.allocator_in_use)
        accounting.older_freed_bytes =
            accounting.live_delta_bytes + accounting.overhead_delta_bytes.value_or(0) -
            (static_cast<std::int64_t>(*to.allocator_in_use) - static_cast<std::int64_t>(*from.allocator_in_use));
    if (!first || !last) return accounting;
    accounting.rss_delta_bytes = static_cast<std::int64_t>(*last) - static_cast<std::int64_t>(*first);
    if (file_growth != 0)
        accounting.file_delta_bytes =
            std::min(static_cast<std::int64_t>(file_growth), std::max<std::int64_t>(*accounting.rss_delta_bytes, 0));
    if (to.allocator_retained && (at_start || from.allocator_retained) && of_glibc)
        accounting.retention_delta_bytes =
            static_cast<std::int64_t>(*to.allocator_retained) - static_cast<std::int64_t>(from.allocator_retained.value_or(0));
    accounting.other_delta_bytes = *accounting.rss_delta_bytes - accounting.live_delta_bytes - accounting.overhead_delta_bytes.value_or(0) -
                                   accounting.retention_delta_bytes.value_or(0) - accounting.file_delta_bytes.value_or(0);
    return accounting;
}

// P(an estimate of this growth | the line does not grow), by the normal approximation; 0 where every block was recorded.
double chance_of_sampling(const LineGrowth& line) {
    if (!line.growth_error_bytes) return 0;
    if (*line.growth_error_bytes <= 0) return line.growth_bytes > 0 ? 0 : 1;
    return 0.5 * std::erfc(static_cast<double>(line.growth_bytes) / *line.growth_error_bytes / std::sqrt(2.0));
}

RecordingTotals totals_of(const HeapProfile& profile, const std::vector<TraceCost>& at_marks) {
    RecordingTotals totals;
    totals.peak_bytes = profile.peak_bytes;
    totals.duration = profile.duration;
    totals.allocations = at_marks.back().allocations;
    totals.sampling = profile.sampling;
    totals.leaked_bytes = at_marks.back().live_bytes;
    totals.leaked_blocks = at_marks.back().live_blocks;
    std::vector<std::int64_t> live(profile.traces.size(), 0);
    for (const HeapMark& mark : profile.marks)
        for (const HeapMark::Change& change : mark.changes) live[change.trace.value - 1] = change.cost.live_bytes;
    totals.suppressed_bytes = suppressed_bytes(profile, live);
    return totals;
}

// A pattern that nothing in the recording contains is most likely misspelt.
void warn_of_idle_patterns(const HeapProfile& profile, const std::string& option, const std::vector<std::string>& patterns,
                           std::vector<std::string>& warnings) {
    for (const std::string& pattern : patterns)
        if (std::none_of(profile.strings.begin(), profile.strings.end(),
                         [&](const std::string& text) { return text.find(pattern) != text.npos; }))
            warnings.push_back(option + " " + printable(pattern) + ": no file, function or library in the recording contains it");
}

void warn(const HeapProfile& profile, const LineOptions& options, const Accounting& accounting, std::vector<std::string>& warnings) {
    warn_of_idle_patterns(profile, "--only", options.only, warnings);
    warn_of_idle_patterns(profile, "--skip", options.skip, warnings);
    if (profile.attached)
        warnings.push_back(
            "recorded from an attach on: memory allocated before is not in the recording, so that blocks which replace older ones look like growth");
    for (std::string& line : profile.damage.lines()) warnings.push_back("recording: " + line);
    const double live = static_cast<double>(accounting.live_delta_bytes);
    const double lost = static_cast<double>(accounting.unattributed_bytes);
    if (lost > 0.2 * std::max(live, 1.0) && lost > 64 * 1024 && options.only.empty())
        warnings.push_back(format_bytes(lost) + " of " + format_bytes(live) +
                           " heap growth has no source line: build the service with -g, or install its debug symbols");
    if (!accounting.rss_delta_bytes) return;
    const double rss = static_cast<double>(*accounting.memory_delta_bytes());
    if (rss <= kMiB || live + static_cast<double>(accounting.overhead_delta_bytes.value_or(0)) >= 0.5 * rss) return;
    const auto kept = accounting.retention_delta_bytes;
    std::string why = "outside the lines above (mmap, ";
    if (!kept) why += "fragmentation, ";
    why += "an allocator that is not hooked, thread stacks, or the tracker's own tables)";
    if (kept && static_cast<double>(*kept) >= 0.5 * (rss - live))
        why = "memory that was freed and that malloc keeps (" + format_bytes(static_cast<double>(*kept)) +
              "): fragmentation, or a peak that has passed";
    warnings.push_back("RSS grew by " + format_bytes(rss) + ", tracked heap by " + format_signed_bytes(live) + ": most of the growth is " +
                       why);
}

void add_tables(const HeapProfile& profile, const LineOptions& options, const Histories& histories, double base_bytes, LineReport& report) {
    std::set<std::pair<std::string, std::string>> made;
    const auto add = [&](const TableRequest& request) {
        for (LineTable& table : tables_of(profile, request, histories.traces, base_bytes))
            if (made.emplace(table.file, table.function).second) report.tables.push_back(std::move(table));
    };
    if (!options.table_function.empty()) {
        add({options.table_function, {}, 0});
        if (report.tables.empty())
            report.warnings.push_back("no allocation passes through a function named '" + options.table_function + "' that has debug info");
    }
    if (report.headline && report.headline->line.leaking && !report.headline->line.at.function.empty()) {
        const CodeLine& at = report.headline->line.at;
        add({at.function, at.file, at.line});
    }
    std::vector<const LineGrowth*> at_fault;
    for (const LineGrowth& line : report.lines)
        if (line.leaking) at_fault.push_back(&line);
    if (at_fault.empty())
        for (const LineGrowth& line : report.lines)
            if (line.growth_bytes > 0 && line.user_code) at_fault.push_back(&line);
    for (std::size_t i = 0; i < std::min(options.tables, at_fault.size()); ++i)
        if (!at_fault[i]->at.function.empty()) add({at_fault[i]->at.function, at_fault[i]->at.file, at_fault[i]->at.line});
}

}  // namespace

namespace {

// A line whose growth was tested, and the chance that it is no growth.
struct Tested {
    std::size_t line;
    double p;
};

// Lines of libraries, of which a service in Python has hundreds, are a family of tests of their own: they must not hide what the user's few
// lines show (Efron, "Simultaneous inference: When should hypothesis testing problems be combined?", 2008).
void decide_growth(const std::vector<Tested>& tested, std::vector<LineGrowth>& lines) {
    for (const bool user_code : {true, false}) {
        std::vector<double> p;
        std::vector<LineGrowth*> family;
        for (const Tested& test : tested) {
            if (lines[test.line].user_code != user_code) continue;
            family.push_back(&lines[test.line]);
            p.push_back(test.p);
        }
        const std::vector<double> adjusted = adjust_for_discovery(p);
        for (std::size_t i = 0; i < family.size(); ++i) {
            family[i]->p_value = adjusted[i];
            family[i]->leaking = family[i]->growth_class == GrowthClass::linear && adjusted[i] <= kFalseDiscoveryRate;
        }
    }
}

}  // namespace

LineReport grow_lines(const HeapProfile& profile, const LineOptions& options) {
    const Window window = choose_window(profile, options.window_begin, options.window_end);
    const TraceAttribution attribution = attribute_traces(profile, options);
    const Histories histories = follow(profile, window, attribution);
    const Axes axes = axes_of(profile, window);

    LineReport report;
    report.by = options.by;
    report.command = redact_secrets(profile.command);
    report.completeness = completeness_name(profile.completeness);
    report.window_begin = window.begin;
    report.window_end = window.end;
    report.idle_seconds = axes.idle_seconds;
    report.warnings = profile.warnings;
    report.warnings.insert(report.warnings.end(), window.warnings.begin(), window.warnings.end());
    const std::vector<TraceCost> at_marks = totals_at_marks(profile);
    report.totals = totals_of(profile, at_marks);
    report.attached = profile.attached;
    report.accounting = balance(profile, window, histories, at_marks, options.file_growth);
    if (window.from_empty) {
        report.mark_seconds.push_back(0);
        report.mark_requests.push_back(std::nullopt);
    }
    for (std::size_t m = window.first; m <= window.last; ++m) {
        report.mark_seconds.push_back(to_seconds(profile.marks[m].at));
        report.mark_requests.push_back(profile.marks[m].requests);
    }

    const Judge judge(window, axes, profile.sampling ? static_cast<double>(profile.sampling->interval) : 0);
    const double requests = axes.requests.empty() ? 0 : axes.requests[window.last] - axes.requests[window.first];
    const std::vector<std::int64_t> entries = kept_entries(profile, attribution, histories.traces, requests);
    const std::vector<std::int64_t> first_entries = kept_entries(profile, attribution, histories.before, 0);
    std::vector<std::uint32_t> site_of_line;
    std::vector<Tested> tested;
    for (std::uint32_t s = 0; s < histories.sites.size(); ++s) {
        const SiteHistory& site = histories.sites[s];
        if (!site.active && site.bytes == 0 && site.first_bytes == 0) continue;
        LineGrowth line;
        line.at = attribution.sites[s].at;
        line.user_code = attribution.sites[s].user_code;
        take_history(site, profile.sampling.has_value(), line);
        line.kept_entries = entries[s];
        line.first_entries = first_entries[s];
        if (site.first_bytes > 0)
            line.first_entries_error = std::sqrt(std::max(site.variance.first, 0.0)) / static_cast<double>(site.first_bytes) *
                                       static_cast<double>(line.first_entries);
        if (const auto chance = judge.judge(site, line); chance && site.active) {
            tested.push_back({report.lines.size(), std::max(*chance, chance_of_sampling(line))});
        }
        report.lines.push_back(std::move(line));
        site_of_line.push_back(s);
    }
    decide_growth(tested, report.lines);

    std::vector<std::size_t> order(report.lines.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const LineGrowth &l = report.lines[a], &r = report.lines[b];
        return std::tie(r.growth_bytes, r.live_last_bytes, l.at) < std::tie(l.growth_bytes, l.live_last_bytes, r.at);
    });
    std::vector<bool> detailed(attribution.sites.size());
    for (std::size_t i = 0; i < std::min(order.size(), LineReport::kDetailed); ++i) detailed[site_of_line[order[i]]] = true;
    auto callers = callers_of(profile, attribution, detailed, histories.traces);

    std::vector<LineGrowth> sorted;
    for (std::size_t i : order) {
        LineGrowth& line = report.lines[i];
        const std::uint32_t site = site_of_line[i];
        if (detailed[site]) {
            if (histories.sites[site].active) line.live_at_marks = levels_at_marks(histories.sites[site], window);
            line.callers = std::move(callers[site]);
        }
        sorted.push_back(std::move(line));
    }
    report.lines = std::move(sorted);
    std::vector<JudgedLine> judged;
    for (std::size_t i = 0; i < order.size(); ++i) judged.push_back({&report.lines[i], site_of_line[order[i]]});
    report.headline = find_headline(profile, window, attribution, histories, judge, judged);
    report.runtime = runtime_of(profile);
    if (!has_python_lines(profile)) report.unavailable = runtime_advice(report.runtime);
    if (report.headline) report.held_by = what_holds(profile.holders, report.headline->line.at);
    report.types = grown_types(profile.holders.types);
    report.resource_lines = resource_lines(profile, window, axes, attribution);

    const auto base = rss_at(profile, window, window.first, window.from_empty);
    std::int64_t live_first = 0;
    for (const LineGrowth& line : report.lines) live_first += line.live_first_bytes;
    add_tables(profile, options, histories, base ? static_cast<double>(*base) : static_cast<double>(live_first), report);
    warn(profile, options, report.accounting, report.warnings);
    return report;
}

}  // namespace leakline::analysis
