#include "analysis/lines/internal/history.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "analysis/lines/lines.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

constexpr std::size_t kMaxJudged = 12;

void charge(SiteHistory& site, const TraceCost& before, const TraceCost& now, std::size_t mark) {
    site.bytes += now.live_bytes - before.live_bytes;
    site.blocks += now.live_blocks - before.live_blocks;
    site.variance.add(before, now);
    const SiteHistory::Point point{static_cast<std::uint32_t>(mark), site.bytes, site.blocks};
    if (!site.points.empty() && site.points.back().mark == point.mark)
        site.points.back() = point;
    else
        site.points.push_back(point);
}

bool rises(const std::vector<double>& x) {
    return std::adjacent_find(x.begin(), x.end(), [](double a, double b) { return b <= a; }) == x.end();
}

// now: costs at the window's end.
void follow_idle(const HeapProfile& profile, const Window& window, const TraceAttribution& attribution, std::vector<TraceCost>& now,
                 std::vector<SiteHistory>& sites) {
    if (!window.idle) return;
    for (std::size_t m = window.last + 1; m <= window.idle->end; ++m) {
        for (const HeapMark::Change& change : profile.marks[m].changes) {
            if (change.trace.value == 0 || change.trace.value > now.size()) continue;
            TraceCost& before = now[change.trace.value - 1];
            const std::uint32_t site = attribution.site_of_trace[change.trace.value - 1];
            if (site != kNoSite && m > window.idle->begin) sites[site].idle_growth += change.cost.live_bytes - before.live_bytes;
            before = change.cost;
        }
    }
}

}  // namespace

void take_history(const SiteHistory& site, bool sampled, LineGrowth& line) {
    if (sampled) {
        line.growth_error_bytes = std::sqrt(site.variance.growth());
        line.live_error_bytes = std::sqrt(std::max(site.variance.last, 0.0));
    }
    line.live_first_bytes = site.first_bytes;
    line.live_last_bytes = site.bytes;
    line.live_peak_bytes = std::max(site.peak_bytes, site.first_bytes);
    line.live_first_blocks = site.first_blocks;
    line.live_last_blocks = site.blocks;
    line.growth_bytes = site.bytes - site.first_bytes;
    line.idle_growth_bytes = site.idle_growth;
    line.allocations = site.allocations;
    line.allocated_bytes = site.allocated_bytes;
}

namespace {

// Entries in what a path kept. Blocks of whole pages that come once in many requests are what an allocator of the program's own hands out
// in parts: at most one entry for each request is in them.
std::int64_t entries_in(const TraceGrowth& kept, double requests) {
    constexpr double kPage = 4096, kLeastSlab = 16 * kPage, kOff = 1e-4, kRequestsPerSlab = 100;
    const auto blocks = static_cast<double>(kept.blocks);
    if (kept.blocks <= 0 || blocks * kRequestsPerSlab > requests) return kept.blocks;
    const double pages = static_cast<double>(kept.bytes) / blocks / kPage;
    if (pages * kPage < kLeastSlab || std::abs(pages / std::round(pages) - 1) > kOff) return kept.blocks;
    return static_cast<std::int64_t>(std::min(requests, static_cast<double>(kept.bytes) / kBytesPerElement));
}

}  // namespace

std::vector<std::int64_t> kept_entries(const HeapProfile& profile, const TraceAttribution& attribution, std::span<const TraceGrowth> growth,
                                       double requests) {
    // Stacks that differ only in who called the line are one path.
    std::map<std::pair<std::uint32_t, std::vector<std::uint32_t>>, TraceGrowth> paths;
    for (std::size_t t = 0; t < growth.size(); ++t) {
        const std::uint32_t site = attribution.site_of_trace[t];
        if (site == kNoSite || growth[t].blocks == 0) continue;
        std::vector<std::uint32_t> path;
        const TraceId line = attribution.node_of_trace[t];
        for (TraceId node{static_cast<std::uint32_t>(t + 1)}; node.value != 0;) {
            const TraceNode& at = profile.traces[node.value - 1];
            path.push_back(at.ip.value);
            if (node == line || at.parent.value >= node.value) break;
            node = at.parent;
        }
        paths[{site, std::move(path)}] += growth[t];
    }
    std::vector<std::int64_t> most(attribution.sites.size(), 0);
    for (const auto& [key, kept] : paths) most[key.first] = std::max(most[key.first], entries_in(kept, requests));
    return most;
}

Histories follow(const HeapProfile& profile, const Window& window, const TraceAttribution& attribution) {
    Histories all;
    all.sites.resize(attribution.sites.size());
    all.traces.resize(profile.traces.size());
    std::vector<TraceCost> now(profile.traces.size()), ready(profile.traces.size());
    for (std::size_t m = 0; m <= window.last; ++m) {
        const bool in_window = m > window.first || window.from_empty;
        std::vector<std::uint32_t> touched;
        for (const HeapMark::Change& change : profile.marks[m].changes) {
            if (change.trace.value == 0 || change.trace.value > now.size()) continue;
            const std::size_t t = change.trace.value - 1;
            const std::uint32_t site = attribution.site_of_trace[t];
            all.variance.add(now[t], change.cost);
            if (site != kNoSite) {
                charge(all.sites[site], now[t], change.cost, m);
                touched.push_back(site);
            }
            if (in_window) {
                const TraceGrowth growth{change.cost.live_bytes - now[t].live_bytes, change.cost.live_blocks - now[t].live_blocks,
                                         change.cost.allocations - now[t].allocations,
                                         change.cost.allocated_bytes - now[t].allocated_bytes};
                all.traces[t] += growth;
                all.live_delta += growth.bytes;
                if (site == kNoSite) {
                    all.unattributed += growth.bytes;
                } else {
                    all.sites[site].allocations += growth.allocations;
                    all.sites[site].allocated_bytes += growth.allocated_bytes;
                    all.sites[site].active = true;
                }
            }
            now[t] = change.cost;
        }
        if (in_window)
            for (std::uint32_t site : touched) all.sites[site].peak_bytes = std::max(all.sites[site].peak_bytes, all.sites[site].bytes);
        if (m == window.first && !window.from_empty) {
            for (std::size_t t = 0; t < now.size(); ++t)
                all.before.push_back({now[t].live_bytes - ready[t].live_bytes, now[t].live_blocks - ready[t].live_blocks, 0, 0});
            all.variance.window_begins();
            for (SiteHistory& site : all.sites) {
                site.first_bytes = site.peak_bytes = site.bytes;
                site.first_blocks = site.blocks;
                site.variance.window_begins();
            }
        }
        if (m < window.first && profile.marks[m].requests == std::uint64_t{0}) ready = now;
    }
    follow_idle(profile, window, attribution, now, all.sites);
    return all;
}

Axes axes_of(const HeapProfile& profile, const Window& window) {
    Axes axes;
    std::vector<std::size_t> known;
    for (std::size_t m = 0; m <= window.last; ++m) {
        axes.seconds.push_back(to_seconds(profile.marks[m].at));
        if (profile.marks[m].requests) known.push_back(m);
    }
    if (known.size() < 2 || known.back() != window.last) return axes;
    for (const std::size_t m : known)
        if (m >= window.first) axes.counted.push_back(m);
    if (window.idle) axes.idle_seconds = to_seconds(profile.marks[window.idle->end].at - profile.marks[window.idle->begin].at);
    double from_x = axes.seconds.front(), from_requests = 0;
    std::size_t next = 0;
    for (std::size_t m = 0; m <= window.last; ++m) {
        const std::size_t to = known[next];
        const double to_x = axes.seconds[to], to_requests = static_cast<double>(*profile.marks[to].requests);
        const double share = to_x > from_x ? (axes.seconds[m] - from_x) / (to_x - from_x) : 1;
        axes.requests.push_back(m == to ? to_requests : from_requests + share * (to_requests - from_requests));
        if (m == to && next + 1 < known.size()) {
            from_x = to_x;
            from_requests = to_requests;
            ++next;
        }
    }
    return axes;
}

Spans spans_of(const Window& window, const Axes& axes) {
    Spans spans;
    const std::size_t together = window.by_round ? 1 : (window.judged.size() + kMaxJudged - 1) / kMaxJudged;
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

Levels levels_at(const SiteHistory& site, const Spans& spans, const Axes& axes) {
    Levels levels;
    std::size_t next = 0;
    double bytes = 0, blocks = 0;
    for (const auto& marks : spans.marks) {
        struct Lowest {
            double bytes, blocks;
            std::size_t mark;
        };
        std::optional<Lowest> least;
        for (std::size_t mark : marks) {
            for (; next < site.points.size() && site.points[next].mark <= mark; ++next) {
                bytes = static_cast<double>(site.points[next].bytes);
                blocks = static_cast<double>(site.points[next].blocks);
            }
            // Of equal levels the last: nothing was added up to there.
            if (!least || bytes <= least->bytes) least = {bytes, blocks, mark};
        }
        levels.bytes.push_back(least->bytes);
        levels.blocks.push_back(least->blocks);
        // Marks are not evenly spaced (a schedule that slows down doubles their distance), so a level that is paired with
        // the time of another mark of its span gives a wrong rate: up to a third too low was seen.
        levels.seconds.push_back(axes.seconds[least->mark]);
        if (!spans.requests.empty()) levels.requests.push_back(axes.requests[least->mark]);
    }
    if (!rises(levels.seconds)) levels.seconds = spans.seconds;
    if (!rises(levels.requests)) levels.requests = spans.requests;  // requests that do not change in between
    return levels;
}

std::vector<double> levels_at_marks(const SiteHistory& site, const Window& window) {
    std::vector<double> levels;
    if (window.from_empty) levels.push_back(0);
    std::size_t next = 0;
    double bytes = 0;
    for (std::size_t mark = 0; mark <= window.last; ++mark) {
        for (; next < site.points.size() && site.points[next].mark <= mark; ++next) bytes = static_cast<double>(site.points[next].bytes);
        if (mark >= window.first) levels.push_back(bytes);
    }
    return levels;
}

}  // namespace leakline::analysis
