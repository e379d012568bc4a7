// Containers that grow by reallocation, and arenas that grow by ever larger blocks. Between two steps the elements are not visible, but at
// each step the number of bytes in use is known exactly: the capacity that was full. If elements come at a constant
// rate, the steps are on one line, x = offset + pace * capacity, and the next step can be predicted: its
// absence shows that growth has stopped.
//
// A step is seen between two marks, not at a point, so the line has to pass through boxes [x before, x
// after]. All lines that do form a polygon in (offset, pace); what is foretold has its extremes at the
// polygon's corners.
#include <algorithm>
#include <cmath>
#include <vector>

#include "analysis/lines/internal/growth.hpp"
#include "analysis/statistics.hpp"

namespace leakline::analysis {

namespace {

// The newest steps are enough for the line, and keep the cost of the corners bounded.
constexpr std::size_t kStepsFitted = 8;
constexpr std::size_t kMinSteadySteps = 3;
// Requests do not come at an even pace: a box is this much of its step's distance from the step before wider.
constexpr double kPaceSlack = 0.15;
constexpr double kSmallestFactor = 1.35, kLargestFactor = 2.3;

struct Step {
    double low, high;  // x of the marks around it
    double full;       // bytes in use when it happened: the capacity before
};

struct Steps {
    std::vector<Step> steps;
    std::size_t in_window = 0;
    double factor = 2;
};

double most_common(std::span<const double> values) {
    std::vector<double> live;
    for (double v : values)
        if (v > 0) live.push_back(v);
    return live.empty() ? 0 : median(std::move(live));
}

// The levels of an arena (std::pmr::monotonic_buffer_resource): all growth is by new blocks, each larger than those before, and none is
// ever freed. Nothing if it is none. Its first, small blocks may be estimates, which change a little when the sampling interval does.
std::optional<std::vector<double>> arena_levels(std::span<const double> bytes, std::span<const double> blocks) {
    constexpr double kLarger = 1.2, kNoise = 0.01;
    std::vector<double> levels;
    double level = 0, count = 0, before = 0;  // before: size of the blocks that came last
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const double grown = bytes[i] - level;
        if (std::abs(grown) > kNoise * level) {
            const double added = blocks[i] - count;
            if (grown < 0 || added <= 0 || grown / added < kLarger * before) return std::nullopt;
            before = grown / added;
            level = bytes[i];
        }
        count = blocks[i];
        levels.push_back(level);
    }
    if (count < 2) return std::nullopt;
    return levels;
}

// Nothing if size changes are not multiplications of an otherwise constant number of blocks, or of one that grows with each.
std::optional<Steps> steps_of(std::span<const double> x, std::span<const double> bytes, std::span<const double> blocks,
                              std::size_t window_first) {
    const auto levels = arena_levels(bytes, blocks);
    const bool arena = levels.has_value();
    if (arena) bytes = *levels;
    const double usual = std::floor(most_common(blocks));
    if (usual < 1 || (!arena && blocks.back() != usual)) return std::nullopt;

    Steps result;
    std::vector<double> factors;
    std::optional<std::size_t> before;
    std::size_t foreign = 0,
                seen = 0;  // marks that caught the container while it moved: old and new block both live
    struct Rise {
        std::size_t from, to;
    };
    std::vector<Rise> rises;
    for (std::size_t i = 0; i < x.size(); ++i) {
        if (blocks[i] == 0 && !before) continue;
        ++seen;
        if (!arena && blocks[i] != usual) {
            if (blocks[i] > usual)
                ++foreign;
            else
                rises.clear(), before.reset();  // still being built
            continue;
        }
        if (before && bytes[i] < bytes[*before]) return std::nullopt;
        if (before && bytes[i] > bytes[*before]) {
            const double factor = bytes[i] / bytes[*before];
            if (factor < kSmallestFactor) return std::nullopt;
            if (factor <= kLargestFactor) factors.push_back(factor);
            rises.push_back({*before, i});
        }
        before = i;
    }
    if (rises.empty() || foreign * 4 > seen) return std::nullopt;
    if (!factors.empty()) result.factor = median(factors);
    for (const Rise& rise : rises) {
        // Several steps can fall between two marks.
        const double grown = bytes[rise.to] / bytes[rise.from];
        const int count = std::max(1, static_cast<int>(std::lround(std::log(grown) / std::log(result.factor))));
        if (std::abs(std::pow(result.factor, count) / grown - 1) > 0.2) return std::nullopt;
        double full = bytes[rise.to] / std::pow(result.factor, count);
        for (int k = 0; k < count; ++k, full *= result.factor) result.steps.push_back({x[rise.from], x[rise.to], full});
        if (rise.to > window_first) result.in_window += static_cast<std::size_t>(count);
    }
    return result;
}

struct Line {
    double offset, pace;
    double at(double full) const { return offset + pace * full; }
};

// Corners of the polygon of all lines through the boxes; empty where there is none with a positive pace.
std::vector<Line> lines_through(const std::vector<Step>& boxes) {
    struct Bound {
        double full, x;
    };
    std::vector<Bound> bounds;
    for (const Step& box : boxes) {
        bounds.push_back({box.full, box.low});
        bounds.push_back({box.full, box.high});
    }
    std::vector<Line> corners;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
        for (std::size_t j = i + 1; j < bounds.size(); ++j) {
            if (bounds[i].full == bounds[j].full) continue;
            const double pace = (bounds[j].x - bounds[i].x) / (bounds[j].full - bounds[i].full);
            const Line line{bounds[i].x - pace * bounds[i].full, pace};
            const bool passes = pace > 0 && std::all_of(boxes.begin(), boxes.end(), [&](const Step& box) {
                                    const double tolerance = 1e-9 * std::max(1.0, std::abs(box.high));
                                    return line.at(box.full) >= box.low - tolerance && line.at(box.full) <= box.high + tolerance;
                                });
            if (passes) corners.push_back(line);
        }
    }
    return corners;
}

}  // namespace

std::optional<Doubling> find_doubling(std::span<const double> x, std::span<const double> bytes, std::span<const double> blocks,
                                      std::size_t window_first) {
    if (x.size() < 3 || window_first >= x.size()) return std::nullopt;
    const std::optional<Steps> found = steps_of(x, bytes, blocks, window_first);
    if (!found || found->steps.size() < 2) return std::nullopt;

    const double end = x.back(), capacity = bytes.back(), factor = found->factor;
    const double first_capacity = bytes[window_first];
    const double length = end - x[window_first];
    if (length <= 0) return std::nullopt;

    Doubling doubling;
    doubling.steps = found->steps.size();
    doubling.payload_bytes = {capacity * (1 + 1 / factor) / 2, capacity / factor, capacity};
    // Whatever happens between steps, the payload stays between capacity / factor and capacity.
    const double least = std::max(0.0, capacity / factor - first_capacity) / length;
    const double most = (capacity - first_capacity / factor) / length;
    doubling.rate = {(least + most) / 2, least, most};

    const std::size_t newest = std::min(kStepsFitted, found->steps.size());
    std::vector<Step> boxes(found->steps.end() - static_cast<std::ptrdiff_t>(newest), found->steps.end());
    for (std::size_t i = boxes.size(); i-- > 1;) {
        const double slack = kPaceSlack * std::max(0.0, boxes[i].high - boxes[i - 1].low);
        boxes[i].low -= slack;
        boxes[i].high += slack;
    }
    const std::vector<Line> lines = lines_through(boxes);
    if (lines.empty()) {
        // No constant rate. Overdue all the same where nothing came for longer than everything before took.
        doubling.stopped = end - found->steps.back().high > 2 * (found->steps.back().high - found->steps.front().low);
        return doubling;
    }
    double next_low = lines[0].at(capacity), next_high = next_low, rate_low = 1 / lines[0].pace, rate_high = rate_low;
    for (const Line& line : lines) {
        next_low = std::min(next_low, line.at(capacity));
        next_high = std::max(next_high, line.at(capacity));
        rate_low = std::min(rate_low, 1 / line.pace);
        rate_high = std::max(rate_high, 1 / line.pace);
    }
    doubling.stopped = end >= next_high;
    if (doubling.stopped) return doubling;
    doubling.steady = found->steps.size() >= kMinSteadySteps && end < (next_low + next_high) / 2;
    const double low = std::max(least, rate_low), high = std::min(most, rate_high);
    if (low <= high) doubling.rate = {(low + high) / 2, low, high};
    return doubling;
}

}  // namespace leakline::analysis
