#include "analysis/lines.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "analysis/false_discovery.hpp"
#include "analysis/function_name.hpp"
#include "analysis/lines_attribution.hpp"
#include "analysis/lines_growth.hpp"
#include "analysis/lines_tables.hpp"
#include "analysis/lines_window.hpp"

namespace leakline::analysis {

namespace {

// The share of wrongly named lines, among those named, that is accepted in the long run.
constexpr double kFalseDiscoveryRate = 0.05;
// Interval marks are put together into this many spans, so that a test sees a few increments of about
// independent noise instead of hundreds that hang together.
constexpr std::size_t kMostJudged = 12;
constexpr double kSecondsPerHour = 3600;

// One site's live bytes over the recording, listed where they change.
struct SiteHistory {
    struct Point {
        std::uint32_t mark;
        std::int64_t bytes, blocks;
    };
    std::vector<Point> points;                                       // marks ascending
    std::int64_t bytes = 0, blocks = 0;                              // newest
    std::int64_t first_bytes = 0, first_blocks = 0, peak_bytes = 0;  // in the window
    std::uint64_t allocations = 0;
    bool active = false;  // changed within the window
};

struct Histories {
    std::vector<SiteHistory> sites;
    std::vector<TraceGrowth> traces;
    std::int64_t live_delta = 0, unattributed = 0;
};

void charge(SiteHistory& site, const TraceCost& before, const TraceCost& now, std::size_t mark) {
    site.bytes += now.live_bytes - before.live_bytes;
    site.blocks += now.live_blocks - before.live_blocks;
    const SiteHistory::Point point{static_cast<std::uint32_t>(mark), site.bytes, site.blocks};
    if (!site.points.empty() && site.points.back().mark == point.mark)
        site.points.back() = point;
    else
        site.points.push_back(point);
}

// One pass over the changes up to the window's end.
Histories follow(const HeapProfile& profile, const Window& window, const TraceAttribution& attribution) {
    Histories all;
    all.sites.resize(attribution.sites.size());
    all.traces.resize(profile.traces.size());
    std::vector<TraceCost> now(profile.traces.size());
    for (std::size_t m = 0; m <= window.last; ++m) {
        const bool in_window = m > window.first || window.from_empty;
        std::vector<std::uint32_t> touched;
        for (const HeapMark::Change& change : profile.marks[m].changes) {
            if (change.trace.value == 0 || change.trace.value > now.size()) continue;
            const std::size_t t = change.trace.value - 1;
            const std::uint32_t site = attribution.site_of_trace[t];
            if (site != kNoSite) {
                charge(all.sites[site], now[t], change.cost, m);
                touched.push_back(site);
            }
            if (in_window) {
                const std::int64_t bytes = change.cost.live_bytes - now[t].live_bytes;
                const std::uint64_t allocations = change.cost.allocations - now[t].allocations;
                all.traces[t].bytes += bytes;
                all.traces[t].allocations += allocations;
                all.live_delta += bytes;
                if (site == kNoSite)
                    all.unattributed += bytes;
                else
                    all.sites[site].allocations += allocations, all.sites[site].active = true;
            }
            now[t] = change.cost;
        }
        if (in_window)
            for (std::uint32_t site : touched)
                all.sites[site].peak_bytes = std::max(all.sites[site].peak_bytes, all.sites[site].bytes);
        if (m == window.first && !window.from_empty)
            for (SiteHistory& site : all.sites)
                site.first_bytes = site.peak_bytes = site.bytes, site.first_blocks = site.blocks;
    }
    return all;
}

double seconds(Nanoseconds duration) {
    return std::chrono::duration<double>(duration).count();
}

// x of every mark up to the window's end, in seconds and, where the marks tell, in requests.
struct Axes {
    std::vector<double> seconds;
    std::vector<double>
        requests;  // between marks that have them by time; empty where fewer than two have them
};

Axes axes_of(const HeapProfile& profile, const Window& window) {
    Axes axes;
    std::vector<std::size_t> known;
    for (std::size_t m = 0; m <= window.last; ++m) {
        axes.seconds.push_back(seconds(profile.marks[m].at));
        if (profile.marks[m].requests) known.push_back(m);
    }
    if (known.size() < 2 || known.back() != window.last) return axes;
    double from_x = axes.seconds.front(), from_requests = 0;
    std::size_t next = 0;
    for (std::size_t m = 0; m <= window.last; ++m) {
        const std::size_t to = known[next];
        const double to_x = axes.seconds[to], to_requests = static_cast<double>(*profile.marks[to].requests);
        const double share = to_x > from_x ? (axes.seconds[m] - from_x) / (to_x - from_x) : 1;
        axes.requests.push_back(m == to ? to_requests
                                        : from_requests + share * (to_requests - from_requests));
        if (m == to && next + 1 < known.size()) {
            from_x = to_x;
            from_requests = to_requests;
            ++next;
        }
    }
    return axes;
}

// The spans that growth is judged at: each judged mark, or several where there are many of them.
struct Spans {
    std::vector<std::vector<std::size_t>> marks;
    std::vector<double> seconds,
        requests;  // at each span's last mark; requests empty where not known or standing still
};

Spans spans_of(const Window& window, const Axes& axes) {
    Spans spans;
    const std::size_t together = window.by_round ? 1 : (window.judged.size() + kMostJudged - 1) / kMostJudged;
    for (std::size_t end = window.judged.size(); end > 0; end -= std::min(end, together)) {
        if (end < together) break;  // a shorter span at the front would weigh as much as the others
        spans.marks.emplace_back(window.judged.begin() + static_cast<std::ptrdiff_t>(end - together),
                                 window.judged.begin() + static_cast<std::ptrdiff_t>(end));
    }
    std::reverse(spans.marks.begin(), spans.marks.end());
    bool rising = !axes.requests.empty();
    for (const auto& marks : spans.marks) {
        spans.seconds.push_back(axes.seconds[marks.back()]);
        if (axes.requests.empty()) continue;
        rising = rising && (spans.requests.empty() || axes.requests[marks.back()] > spans.requests.back());
        spans.requests.push_back(axes.requests[marks.back()]);
    }
    if (!rising) spans.requests.clear();
    return spans;
}

struct Levels {
    std::vector<double> bytes, blocks;
};

// Of each span the lowest level: what is in flight or waits to be released is above it.
Levels levels_at(const SiteHistory& site, const Spans& spans) {
    Levels levels;
    std::size_t next = 0;
    double bytes = 0, blocks = 0;
    for (const auto& marks : spans.marks) {
        std::optional<std::pair<double, double>> least;
        for (std::size_t mark : marks) {
            for (; next < site.points.size() && site.points[next].mark <= mark; ++next) {
                bytes = static_cast<double>(site.points[next].bytes);
                blocks = static_cast<double>(site.points[next].blocks);
            }
            if (!least || bytes < least->first) least = {bytes, blocks};
        }
        levels.bytes.push_back(least->first);
        levels.blocks.push_back(least->second);
    }
    return levels;
}

std::vector<double> levels_at_marks(const SiteHistory& site, const Window& window) {
    std::vector<double> levels;
    if (window.from_empty) levels.push_back(0);
    std::size_t next = 0;
    double bytes = 0;
    for (std::size_t mark = 0; mark <= window.last; ++mark) {
        for (; next < site.points.size() && site.points[next].mark <= mark; ++next)
            bytes = static_cast<double>(site.points[next].bytes);
        if (mark >= window.first) levels.push_back(bytes);
    }
    return levels;
}

// A site's history with the mark before each change, for boxes around the steps.
std::optional<Doubling> doubling_of(const SiteHistory& site, const Window& window,
                                    const std::vector<double>& axis) {
    if (site.bytes <= 0 || site.blocks <= 0 || site.blocks > 1024) return std::nullopt;
    std::vector<double> x, bytes, blocks;
    std::size_t window_first = 0;
    const auto add = [&](double at, double level, double count) {
        x.push_back(at);
        bytes.push_back(level);
        blocks.push_back(count);
    };
    double level = 0, count = 0;
    std::int64_t newest = -1;  // mark of the last point; -1: the start
    add(std::min(0.0, axis.front()), 0, 0);
    for (const SiteHistory::Point& point : site.points) {
        const auto mark = static_cast<std::int64_t>(point.mark);
        if (newest < mark - 1) add(axis[static_cast<std::size_t>(mark - 1)], level, count);
        if (point.mark <= window.first && !window.from_empty) window_first = x.size();
        level = static_cast<double>(point.bytes);
        count = static_cast<double>(point.blocks);
        add(axis[point.mark], level, count);
        newest = mark;
    }
    if (newest < static_cast<std::int64_t>(window.last)) add(axis[window.last], level, count);
    return find_doubling(x, bytes, blocks, window_first);
}

Interval scaled(const Interval& interval, double factor) {
    return {interval.estimate * factor, interval.low * factor, interval.high * factor};
}

class Judge {
  public:
    Judge(const Window& window, const Axes& axes)
        : window_(window), axes_(axes), spans_(spans_of(window, axes)) {}

    // Fills in everything about growth but `leaking`; returns the raw p-value where the line is a candidate
    // of the test.
    std::optional<double> judge(const SiteHistory& site, LineGrowth& line, bool& doubles_steadily) const {
        doubles_steadily = false;
        const Levels levels = levels_at(site, spans_);
        if (levels.bytes.empty()) return std::nullopt;
        const bool by_request = !spans_.requests.empty();
        const std::vector<double>& x = by_request ? spans_.requests : spans_.seconds;
        const GrowthJudgement judgement = judge_growth(x, levels.bytes, levels.blocks);
        line.growth_class = judgement.growth_class;
        if (by_request) line.bytes_per_request = growth_rate(spans_.requests, levels.bytes);
        if (const auto rate = growth_rate(spans_.seconds, levels.bytes))
            line.bytes_per_hour = scaled(*rate, kSecondsPerHour);
        if (judgement.growth_class == GrowthClass::linear && judgement.p_value < 0.01)
            return judgement.p_value;

        const auto doubling = doubling_of(site, window_, by_request ? axes_.requests : axes_.seconds);
        if (doubling && x.size() >= 3) {
            if (doubling->stopped) {
                line.growth_class =
                    line.growth_bytes > 0 ? GrowthClass::filling_then_flat : GrowthClass::flat;
                return 1.0;
            }
            if (doubling->steady || line.growth_bytes > 0) {
                line.growth_class = GrowthClass::container_doubling;
                line.payload_bytes = doubling->payload_bytes;
                doubles_steadily = doubling->steady;
                if (by_request) line.bytes_per_request = doubling->rate;
                const auto by_time = by_request ? doubling_of(site, window_, axes_.seconds) : doubling;
                if (by_time) line.bytes_per_hour = scaled(by_time->rate, kSecondsPerHour);
                return std::nullopt;
            }
        }
        return judgement.p_value;
    }

  private:
    const Window& window_;
    const Axes& axes_;
    Spans spans_;
};

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

Books balance(const HeapProfile& profile, const Window& window, const Histories& histories) {
    Books books;
    books.live_delta_bytes = histories.live_delta;
    books.unattributed_bytes = histories.unattributed;
    books.attributed_bytes = histories.live_delta - histories.unattributed;
    const auto first = rss_at(profile, window, window.first, window.from_empty);
    const auto last = rss_at(profile, window, window.last, false);
    if (!first || !last) return books;
    books.rss_delta_bytes = static_cast<std::int64_t>(*last) - static_cast<std::int64_t>(*first);
    const HeapMark &from = profile.marks[window.first], &to = profile.marks[window.last];
    if (!window.from_empty && from.allocator_retained && to.allocator_retained)
        books.retention_delta_bytes = static_cast<std::int64_t>(*to.allocator_retained) -
                                      static_cast<std::int64_t>(*from.allocator_retained);
    books.other_delta_bytes =
        *books.rss_delta_bytes - books.live_delta_bytes - books.retention_delta_bytes.value_or(0);
    return books;
}

RecordingTotals totals_of(const HeapProfile& profile) {
    RecordingTotals totals;
    totals.peak_bytes = profile.peak_bytes;
    totals.duration = profile.duration;
    const std::vector<TraceCost> at_marks = totals_at_marks(profile);
    totals.allocations = at_marks.back().allocations;
    totals.leaked_bytes = at_marks.back().live_bytes;
    totals.leaked_blocks = at_marks.back().live_blocks;
    return totals;
}

void warn(const HeapProfile& profile, const Books& books, std::vector<std::string>& warnings) {
    if (profile.attached)
        warnings.push_back("the tracker was attached late: memory allocated before is not in the recording");
    for (std::string& line : profile.damage.lines()) warnings.push_back("recording: " + line);
    const double live = static_cast<double>(books.live_delta_bytes);
    const double lost = static_cast<double>(books.unattributed_bytes);
    if (lost > 0.2 * std::max(live, 1.0) && lost > 64 * 1024)
        warnings.push_back(
            format_bytes(lost) + " of " + format_bytes(live) +
            " heap growth has no source line: build the service with -g, or install its debug symbols");
    if (!books.rss_delta_bytes) return;
    const double rss = static_cast<double>(*books.rss_delta_bytes);
    const double explained = live + static_cast<double>(books.retention_delta_bytes.value_or(0));
    if (rss > kMiB && explained < 0.5 * rss)
        warnings.push_back(
            "RSS grew by " + format_bytes(rss) + ", tracked heap by " + format_signed_bytes(live) +
            ": most of the growth is outside the lines above (mmap, fragmentation, an allocator that is "
            "not hooked, thread stacks, or the tracker's own tables)");
}

void add_tables(const HeapProfile& profile, const LineOptions& options, const Histories& histories,
                double base_bytes, LineReport& report) {
    std::set<std::pair<std::string, std::string>> made;
    const auto add = [&](const TableRequest& request) {
        for (LineTable& table : tables_of(profile, request, histories.traces, base_bytes))
            if (made.emplace(table.file, table.function).second) report.tables.push_back(std::move(table));
    };
    if (!options.table_function.empty()) {
        add({options.table_function, {}, 0});
        if (report.tables.empty())
            report.warnings.push_back("no allocation passes through a function named '" +
                                      options.table_function + "' that has debug info");
    }
    std::vector<const LineGrowth*> at_fault;
    for (const LineGrowth& line : report.lines)
        if (line.leaking) at_fault.push_back(&line);
    if (at_fault.empty())
        for (const LineGrowth& line : report.lines)
            if (line.growth_bytes > 0 && line.user_code) at_fault.push_back(&line);
    for (std::size_t i = 0; i < std::min(options.tables, at_fault.size()); ++i)
        if (!at_fault[i]->at.function.empty())
            add({at_fault[i]->at.function, at_fault[i]->at.file, at_fault[i]->at.line});
}

}  // namespace

LineReport grow_lines(const HeapProfile& profile, const LineOptions& options) {
    const Window window = choose_window(profile, options.window_begin, options.window_end);
    const TraceAttribution attribution = attribute_traces(profile, options);
    const Histories histories = follow(profile, window, attribution);
    const Axes axes = axes_of(profile, window);

    LineReport report;
    report.by = options.by;
    report.command = profile.command;
    report.completeness = completeness_name(profile.completeness);
    report.window_begin = window.begin;
    report.window_end = window.end;
    report.warnings = profile.warnings;
    report.warnings.insert(report.warnings.end(), window.warnings.begin(), window.warnings.end());
    report.totals = totals_of(profile);
    report.books = balance(profile, window, histories);
    if (window.from_empty) {
        report.mark_seconds.push_back(0);
        report.mark_requests.push_back(std::nullopt);
    }
    for (std::size_t m = window.first; m <= window.last; ++m) {
        report.mark_seconds.push_back(seconds(profile.marks[m].at));
        report.mark_requests.push_back(profile.marks[m].requests);
    }

    const Judge judge(window, axes);
    std::vector<std::uint32_t> site_of_line;
    std::vector<double> p;
    std::vector<std::size_t> tested;
    for (std::uint32_t s = 0; s < histories.sites.size(); ++s) {
        const SiteHistory& site = histories.sites[s];
        if (!site.active && site.bytes == 0 && site.first_bytes == 0) continue;
        LineGrowth line;
        line.at = attribution.sites[s].at;
        line.user_code = attribution.sites[s].user_code;
        line.live_first_bytes = site.first_bytes;
        line.live_last_bytes = site.bytes;
        line.live_peak_bytes = std::max(site.peak_bytes, site.first_bytes);
        line.live_first_blocks = site.first_blocks;
        line.live_last_blocks = site.blocks;
        line.growth_bytes = site.bytes - site.first_bytes;
        line.allocations = site.allocations;
        if (const auto chance = judge.judge(site, line, line.leaking); chance && site.active) {
            tested.push_back(report.lines.size());
            p.push_back(*chance);
        }
        report.lines.push_back(std::move(line));
        site_of_line.push_back(s);
    }
    const std::vector<double> adjusted = adjust_for_discovery(p);
    for (std::size_t i = 0; i < tested.size(); ++i) {
        LineGrowth& line = report.lines[tested[i]];
        line.p_value = adjusted[i];
        line.leaking = line.growth_class == GrowthClass::linear && adjusted[i] <= kFalseDiscoveryRate;
    }

    std::vector<std::size_t> order(report.lines.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const LineGrowth &l = report.lines[a], &r = report.lines[b];
        return std::tie(r.growth_bytes, r.live_last_bytes, l.at) <
               std::tie(l.growth_bytes, l.live_last_bytes, r.at);
    });
    std::vector<bool> detailed(attribution.sites.size());
    for (std::size_t i = 0; i < std::min(order.size(), LineReport::kDetailed); ++i)
        detailed[site_of_line[order[i]]] = true;
    auto callers = callers_of(profile, attribution, detailed, histories.traces);

    std::vector<LineGrowth> sorted;
    for (std::size_t i : order) {
        LineGrowth& line = report.lines[i];
        const std::uint32_t site = site_of_line[i];
        if (detailed[site]) {
            if (histories.sites[site].active)
                line.live_at_marks = levels_at_marks(histories.sites[site], window);
            line.callers = std::move(callers[site]);
        }
        sorted.push_back(std::move(line));
    }
    report.lines = std::move(sorted);

    const auto base = rss_at(profile, window, window.first, window.from_empty);
    std::int64_t live_first = 0;
    for (const LineGrowth& line : report.lines) live_first += line.live_first_bytes;
    add_tables(profile, options, histories,
               base ? static_cast<double>(*base) : static_cast<double>(live_first), report);
    warn(profile, report.books, report.warnings);
    return report;
}

}  // namespace leakline::analysis
