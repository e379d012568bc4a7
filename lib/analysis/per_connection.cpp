#include "analysis/per_connection.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "analysis/lines/internal/attribution.hpp"
#include "analysis/statistics.hpp"

namespace leakline::analysis {

namespace {

constexpr double kChance = 0.001;
// Of what the slope says for a block; and the share of the blocks with many connections that have to show as much.
constexpr double kShown = 0.5, kBlocksThatShow = 0.8;
// The smallest leak to report: bytes per connection, and in all blocks together.
constexpr double kMinPerConnection = 8, kMinInAll = 4096;
// Of growth that was taken out because it follows time: how much of it is known that well.
constexpr double kTimeKnown = 0.1;
constexpr std::size_t kSpareBlocks = 3;
constexpr double kMinOwnShare = 0.1;

using Columns = std::vector<std::vector<double>>;

// The growth of each site, and of the whole heap, in each block that has its marks.
struct BlockGrowth {
    std::vector<std::size_t> used;  // indices of blocks
    std::vector<double> seconds;    // between the marks of each
    std::unordered_map<std::uint32_t, std::vector<double>> sites;
    std::vector<double> total;
    std::unordered_map<std::uint32_t, double> by_time;  // bytes of each site that were taken out, in all blocks
};

BlockGrowth growth_in(const HeapProfile& profile, const TraceAttribution& attribution, const std::string& first_mark,
                      const std::vector<ConnectionBlock>& blocks) {
    std::map<std::string, std::size_t> marks;
    for (std::size_t m = 0; m < profile.marks.size(); ++m)
        if (!profile.marks[m].label.empty()) marks[profile.marks[m].label] = m;
    constexpr std::size_t kNoBlock = ~std::size_t{0};
    BlockGrowth growth;
    std::vector<std::size_t> block_of_mark(profile.marks.size(), kNoBlock);
    for (std::size_t b = 0; b < blocks.size(); ++b) {
        const auto begin = marks.find(b == 0 ? first_mark : blocks[b - 1].label), end = marks.find(blocks[b].label);
        if (begin == marks.end() || end == marks.end()) continue;  // thinned away, or never set
        for (std::size_t m = begin->second + 1; m <= end->second; ++m) block_of_mark[m] = growth.used.size();
        growth.used.push_back(b);
        growth.seconds.push_back(to_seconds(profile.marks[end->second].at - profile.marks[begin->second].at));
    }
    growth.total.assign(growth.used.size(), 0);
    std::vector<std::int64_t> live(profile.traces.size(), 0);
    for (std::size_t m = 0; m < profile.marks.size(); ++m)
        for (const HeapMark::Change& change : profile.marks[m].changes) {
            if (change.trace.value == 0 || change.trace.value > live.size()) continue;
            const std::size_t trace = change.trace.value - 1;
            const auto bytes = static_cast<double>(change.cost.live_bytes - live[trace]);
            live[trace] = change.cost.live_bytes;
            const std::size_t block = block_of_mark[m];
            if (block == kNoBlock) continue;
            growth.total[block] += bytes;
            const std::uint32_t site = attribution.site_of_trace[trace];
            if (site == kNoSite) continue;
            std::vector<double>& of_site = growth.sites[site];
            if (of_site.empty()) of_site.assign(growth.used.size(), 0);
            of_site[block] += bytes;
        }
    return growth;
}

// Takes out what lines grow by with time: blocks with many connections take longer, so that it would be charged to these.
void without_time(BlockGrowth& growth, const TraceAttribution& attribution, std::span<const LineGrowth> lines) {
    constexpr double kSecondsPerHour = 3600;
    for (auto& [site, bytes] : growth.sites) {
        const CodeLine& at = attribution.sites[site].at;
        const auto line = std::find_if(lines.begin(), lines.end(),
                                       [&](const LineGrowth& other) { return other.bytes_per_hour_by_time && other.at == at; });
        if (line == lines.end()) continue;
        const double per_second = line->bytes_per_hour_by_time->estimate / kSecondsPerHour;
        for (std::size_t block = 0; block < bytes.size(); ++block) {
            const double by_time = per_second * growth.seconds[block];
            bytes[block] -= by_time;
            growth.total[block] -= by_time;
            growth.by_time[site] += by_time;
        }
    }
}

// Connections, the requests of each kind (or all together, where the blocks are too few for that), and the constant.
Columns design(const std::vector<ConnectionBlock>& blocks, const std::vector<std::size_t>& used, bool by_kind) {
    const std::size_t kinds = by_kind ? blocks[used.front()].requests.size() : 1;
    Columns columns(kinds + 2, std::vector<double>(used.size(), 0));
    for (std::size_t i = 0; i < used.size(); ++i) {
        const ConnectionBlock& block = blocks[used[i]];
        columns[0][i] = static_cast<double>(block.connections);
        for (std::size_t k = 0; k < block.requests.size(); ++k) columns[by_kind ? k + 1 : 1][i] += static_cast<double>(block.requests[k]);
        columns.back()[i] = 1;
    }
    return columns;
}

// The share of the variance of the numbers of connections that the numbers of requests do not explain. A service that closes
// each connection after one answer has none.
double own_share(const Columns& columns) {
    const double mean_connections = mean(columns[0]);
    double squares = 0;
    for (const double connections : columns[0]) squares += (connections - mean_connections) * (connections - mean_connections);
    return squares > 0 ? least_squares({columns.begin() + 1, columns.end()}, columns[0]).residual_sum / squares : 0;
}

struct Slope {
    Interval interval;
    double error = 0, degrees = 1, p_value = 1;
};

Slope slope_of(const LeastSquares& fit, std::size_t term, std::size_t blocks) {
    Slope slope;
    slope.degrees = static_cast<double>(blocks - fit.coefficients.size());
    const double estimate = fit.coefficients[term];
    slope.error = std::sqrt(fit.residual_sum / slope.degrees * fit.unscaled_variances[term]);
    const double margin = student_t_quantile(.975, slope.degrees) * slope.error;
    slope.interval = {estimate, estimate - margin, estimate + margin};
    slope.p_value = estimate <= 0 ? 1 : slope.error <= 1e-9 * estimate ? 0 : student_t_upper_tail(estimate / slope.error, slope.degrees);
    return slope;
}

// The slope once more without the blocks whose marks came late, so that a part of their growth is in the next one: each is
// left out whose leaving out explains nearly all that the regression did not. At most a quarter of the blocks.
Slope slope_without_late_marks(Columns columns, std::vector<double> growth) {
    constexpr double kNearlyAll = 0.1;
    Slope slope = slope_of(least_squares(columns, growth), 0, growth.size());
    const std::size_t least = std::max(columns.size() + kSpareBlocks, growth.size() - growth.size() / 4);
    // Two at a time: what one block lacks, its neighbor has too much.
    double residual = least_squares(columns, growth).residual_sum;
    while (growth.size() >= least + 2) {
        std::size_t best = 0;
        double best_residual = residual;
        const auto without = [](std::vector<double> values, std::size_t at) {
            values.erase(values.begin() + static_cast<std::ptrdiff_t>(at), values.begin() + static_cast<std::ptrdiff_t>(at + 2));
            return values;
        };
        for (std::size_t at = 0; at + 1 < growth.size(); ++at) {
            Columns rest;
            for (const std::vector<double>& column : columns) rest.push_back(without(column, at));
            const double left = least_squares(rest, without(growth, at)).residual_sum;
            if (left >= best_residual) continue;
            best_residual = left;
            best = at;
        }
        if (best_residual > kNearlyAll * residual) break;
        for (std::vector<double>& column : columns) column = without(column, best);
        growth = without(growth, best);
        residual = best_residual;
        slope = slope_of(least_squares(columns, growth), 0, growth.size());
    }
    return slope;
}

// Whether the blocks with many connections show the slope each by itself.
bool shown_by_blocks(const Columns& columns, const LeastSquares& fit, const std::vector<double>& growth) {
    const double slope = fit.coefficients[0], many = median(columns[0]);
    std::size_t blocks = 0, showing = 0;
    for (std::size_t i = 0; i < growth.size(); ++i) {
        if (columns[0][i] < many) continue;
        double rest = 0;  // the part explained by the other terms
        for (std::size_t term = 1; term < columns.size(); ++term) rest += fit.coefficients[term] * columns[term][i];
        ++blocks;
        showing += growth[i] - rest >= kShown * slope * columns[0][i] && growth[i] > 0;
    }
    return static_cast<double>(showing) >= kBlocksThatShow * static_cast<double>(blocks);
}

}  // namespace

std::optional<ConnectionGrowth> growth_per_connection(const HeapProfile& profile, const LineOptions& options, const std::string& first_mark,
                                                      const std::vector<ConnectionBlock>& blocks, std::span<const LineGrowth> lines) {
    if (blocks.empty()) return std::nullopt;
    const TraceAttribution attribution = attribute_traces(profile, options);
    BlockGrowth growth = growth_in(profile, attribution, first_mark, blocks);
    without_time(growth, attribution, lines);
    const std::size_t count = growth.used.size();
    if (count < 3 + kSpareBlocks) return std::nullopt;
    const Columns together = design(blocks, growth.used, false);
    const bool by_kind = count >= blocks[growth.used.front()].requests.size() + 2 + kSpareBlocks;
    const Columns columns = by_kind ? design(blocks, growth.used, true) : together;

    if (own_share(columns) < kMinOwnShare) return std::nullopt;
    ConnectionGrowth result;
    result.blocks = count;
    for (const std::size_t b : growth.used) {
        result.connections += blocks[b].connections;
        for (const std::uint64_t requests : blocks[b].requests) result.requests += requests;
    }
    const Slope whole = slope_of(least_squares(columns, growth.total), 0, count);
    result.bytes_per_connection = whole.interval;
    result.bytes_per_request = slope_of(least_squares(together, growth.total), 1, count).interval;
    result.detectable_bytes_per_connection =
        std::max(kMinPerConnection, (student_t_quantile(.95, whole.degrees) + student_t_quantile(.9, whole.degrees)) * whole.error);

    double variance = 0, sum = 0;
    for (const auto& [site, bytes] : growth.sites) {
        const LeastSquares fit = least_squares(columns, bytes);
        const Slope slope = slope_of(fit, 0, count);
        const double estimate = slope.interval.estimate;
        const auto by_time = growth.by_time.find(site);
        const double least = std::max(kMinInAll, by_time == growth.by_time.end() ? 0 : kTimeKnown * by_time->second);
        if (estimate < kMinPerConnection || estimate * static_cast<double>(result.connections) < least) continue;
        if (slope.p_value * static_cast<double>(growth.sites.size()) > kChance || !shown_by_blocks(columns, fit, bytes)) continue;
        const Slope refined = slope_without_late_marks(columns, bytes);
        result.lines.push_back({attribution.sites[site].at, refined.interval});
        sum += refined.interval.estimate;
        variance += refined.error * refined.error;
    }
    result.leaks = !result.lines.empty();
    if (!result.leaks) return result;
    std::sort(result.lines.begin(), result.lines.end(), [](const auto& a, const auto& b) {
        return a.bytes_per_connection.estimate != b.bytes_per_connection.estimate
                   ? a.bytes_per_connection.estimate > b.bytes_per_connection.estimate
                   : a.at < b.at;
    });
    const double margin = student_t_quantile(.975, whole.degrees) * std::sqrt(variance);
    result.bytes_per_connection = {sum, sum - margin, sum + margin};
    return result;
}

}  // namespace leakline::analysis
