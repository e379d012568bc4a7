// Live bytes of each site (a line, function or file) from mark to mark. Pure, safe from any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "analysis/lines/internal/attribution.hpp"
#include "analysis/lines/internal/tables.hpp"
#include "analysis/lines/window.hpp"
#include "model/heap.hpp"
#include "model/lines.hpp"

namespace leakline::analysis {

// Variances of a sampled recording's estimates, in bytes squared.
struct SampledVariance {
    double first = 0, last = 0;                    // of the live bytes at the window's ends
    double turnover_first = 0, turnover_last = 0;  // sums over marks of the variance of blocks allocated or freed since the previous mark

    void add(const TraceCost& before, const TraceCost& now) {
        last += now.live_variance - before.live_variance;
        turnover_last += now.turnover_variance - before.turnover_variance;
    }
    void window_begins() {
        first = last;
        turnover_first = turnover_last;
    }
    // Of the growth from first to last: the smaller of two upper bounds. The first counts blocks that are live at both ends, which cancel
    // out; the second counts blocks that were allocated and freed in between.
    double growth() const { return std::max(0.0, std::min(first + last, turnover_last - turnover_first)); }
};

// One site over the recording, listed where it changes.
struct SiteHistory {
    struct Point {
        std::uint32_t mark;
        std::int64_t bytes, blocks;
    };
    std::vector<Point> points;                                       // marks ascending
    std::int64_t bytes = 0, blocks = 0;                              // at the window's end
    std::int64_t first_bytes = 0, first_blocks = 0, peak_bytes = 0;  // in the window
    std::uint64_t allocations = 0, allocated_bytes = 0;
    std::int64_t idle_growth = 0;  // bytes, through the window's idle time after its end
    bool active = false;           // changed within the window
    SampledVariance variance;      // nonzero only in a sampled recording
};

struct Histories {
    std::vector<SiteHistory> sites;   // as TraceAttribution::sites
    std::vector<TraceGrowth> traces;  // within the window; index trace - 1
    std::vector<TraceGrowth> before;  // from the first request to the window; index trace - 1
    std::int64_t live_delta = 0, unattributed = 0;
    SampledVariance variance;  // of the sum of all traces
};

// Fills in live bytes, peak, calls and growth of the line, and their errors if the recording was sampled.
void take_history(const SiteHistory& site, bool sampled, LineGrowth& line);

// LineGrowth::kept_entries of each site of the attribution, or, of the growth before the window, first_entries. requests: during that
// growth, 0 if that is not known.
std::vector<std::int64_t> kept_entries(const HeapProfile& profile, const TraceAttribution& attribution, std::span<const TraceGrowth> growth,
                                       double requests);

// One pass over the changes up to the window's end.
Histories follow(const HeapProfile& profile, const Window& window, const TraceAttribution& attribution);

// Bytes at every mark of the window (at its empty start too, where it has one).
std::vector<double> levels_at_marks(const SiteHistory& site, const Window& window);

// x of every mark up to the window's end, in seconds and, if the marks have them, in requests.
struct Axes {
    std::vector<double> seconds;
    std::vector<double> requests;      // between marks that have them by time; empty where fewer than two have them
    std::vector<std::size_t> counted;  // marks from the window's first on whose requests were counted
    double idle_seconds = 0;           // of the window's idle time
};
Axes axes_of(const HeapProfile& profile, const Window& window);

// The spans that growth is judged at: each judged mark, or several where there are many of them, so that a
// test sees a few increments of about independent noise instead of hundreds that hang together.
struct Spans {
    std::vector<std::vector<std::size_t>> marks;
    std::vector<double> seconds,
        requests;  // at each span's last mark; requests empty where unknown or standing still
};
Spans spans_of(const Window& window, const Axes& axes);

// Of each span the lowest level, at the time of the mark that has it: what is in flight or waits to be released is above it.
struct Levels {
    std::vector<double> bytes, blocks;
    std::vector<double> seconds, requests;  // at those marks, ascending; requests empty where the spans have none
};
Levels levels_at(const SiteHistory& site, const Spans& spans, const Axes& axes);

}  // namespace leakline::analysis
