#include "analysis/lines/internal/judge.hpp"

#include <algorithm>

#include "analysis/follows.hpp"
#include "base/strings.hpp"

namespace leakline::analysis {

namespace {

constexpr double kSecondsPerHour = 3600;
// A site that traffic filled before the window has at least doubled by it, and by a relevant amount.
constexpr std::int64_t kFilledBytes = 4096;
// Of the level at the end: what grew by more within the window was not flat in it.
constexpr double kFilledShare = 0.2;

// Of a block of so many times the distance between samples, the size is known to 2 %.
constexpr double kSeenWhole = 4;

// A site's history with the mark before each change, for boxes around the steps. Blocks too small to be sampled for certain are left out.
std::optional<Doubling> doubling_of(const SiteHistory& site, const Window& window, const std::vector<double>& axis, double sample_bytes) {
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
        const bool known = static_cast<double>(point.bytes) >= kSeenWhole * sample_bytes;
        level = known ? static_cast<double>(point.bytes) : 0;
        count = known ? static_cast<double>(point.blocks) : 0;
        add(axis[point.mark], level, count);
        newest = mark;
    }
    if (newest < static_cast<std::int64_t>(window.last)) add(axis[window.last], level, count);
    return find_doubling(x, bytes, blocks, window_first);
}

Interval scaled(const Interval& interval, double factor) {
    return {interval.estimate * factor, interval.low * factor, interval.high * factor};
}

}  // namespace

Judge::Judge(const Window& window, const Axes& axes, double sample_bytes)
    : window_(window), axes_(axes), spans_(spans_of(window, axes)), sample_bytes_(sample_bytes) {}

GrowthClass Judge::level_class(const SiteHistory& site) const {
    // The last mark before any request was answered: what was allocated until then is start-up, not traffic.
    std::optional<std::size_t> idle;
    for (std::size_t mark = 0; mark < window_.first && mark < axes_.requests.size(); ++mark)
        if (axes_.requests[mark] <= 0) idle = mark;
    if (!idle || window_.from_empty) return GrowthClass::flat;
    std::int64_t before = 0;
    for (const SiteHistory::Point& point : site.points)
        if (point.mark <= *idle) before = point.bytes;
    const bool filled = site.first_bytes - before >= kFilledBytes && site.first_bytes >= 2 * before;
    return filled ? GrowthClass::filling_then_flat : GrowthClass::flat;
}

void Judge::split(const SiteHistory& site, LineGrowth& line) const {
    std::vector<Increment> increments;
    std::size_t next = 0;
    double bytes = 0;
    std::optional<Increment> before;  // absolute
    for (const std::size_t mark : axes_.counted) {
        for (; next < site.points.size() && site.points[next].mark <= mark; ++next) bytes = static_cast<double>(site.points[next].bytes);
        const Increment here{axes_.seconds[mark], axes_.requests[mark], bytes};
        if (before) increments.push_back({here.seconds - before->seconds, here.requests - before->requests, here.bytes - before->bytes});
        before = here;
    }
    if (axes_.idle_seconds > 0) increments.push_back({axes_.idle_seconds, 0, static_cast<double>(site.idle_growth)});
    const GrowthSplit split = split_growth(increments);
    line.follows = split.follows;
    line.bytes_per_hour_by_time = split.bytes_per_hour_by_time;
    if (split.follows == Follows::time || split.follows == Follows::both) line.bytes_per_request = split.bytes_per_request;
}

std::optional<double> Judge::judge(const SiteHistory& site, LineGrowth& line) const {
    line.leaking = false;
    const Levels levels = levels_at(site, spans_, axes_);
    if (levels.bytes.empty()) return std::nullopt;
    const bool by_request = !levels.requests.empty();
    const std::vector<double>& x = by_request ? levels.requests : levels.seconds;
    // Large blocks are sampled for certain, and have no noise.
    const double grain = site.bytes > 0 ? std::min(sample_bytes_, site.variance.last / static_cast<double>(site.bytes)) : sample_bytes_;
    // Requests and time are two tests: the better result counts, corrected for both (Bonferroni).
    GrowthJudgment judgment = judge_growth(x, levels.bytes, levels.blocks, grain);
    if (by_request) {
        const GrowthJudgment by_time = judge_growth(levels.seconds, levels.bytes, levels.blocks, grain);
        if (by_time.p_value < judgment.p_value) judgment = by_time;
        judgment.p_value = std::min(1.0, 2 * judgment.p_value);
    }
    line.growth_class = judgment.growth_class;
    if (judgment.growth_class == GrowthClass::flat) {
        // Flat since the warm-up, but perhaps not since the window or the recording began.
        const double level = static_cast<double>(line.live_last_bytes);
        line.growth_class =
            static_cast<double>(line.growth_bytes) > kFilledShare * level ? GrowthClass::filling_then_flat : level_class(site);
    }
    if (by_request) line.bytes_per_request = growth_rate(levels.requests, levels.bytes);
    if (const auto rate = growth_rate(levels.seconds, levels.bytes)) line.bytes_per_hour = scaled(*rate, kSecondsPerHour);
    if (judgment.growth_class == GrowthClass::linear) split(site, line);
    if (judgment.growth_class == GrowthClass::linear && judgment.p_value < 0.01) return judgment.p_value;

    const auto doubling = doubling_of(site, window_, by_request ? axes_.requests : axes_.seconds, sample_bytes_);
    if (doubling && x.size() >= 3) {
        if (doubling->stopped) {
            line.growth_class = line.growth_bytes > 0 ? GrowthClass::filling_then_flat : level_class(site);
            return 1.0;
        }
        if (doubling->steady || line.growth_bytes > 0) {
            line.growth_class = GrowthClass::container_doubling;
            line.payload_bytes = doubling->payload_bytes;
            line.leaking = doubling->steady;
            if (by_request) line.bytes_per_request = doubling->rate;
            const auto by_time = by_request ? doubling_of(site, window_, axes_.seconds, sample_bytes_) : doubling;
            if (by_time) line.bytes_per_hour = scaled(by_time->rate, kSecondsPerHour);
            return std::nullopt;
        }
    }
    return judgment.p_value;
}

}  // namespace leakline::analysis
