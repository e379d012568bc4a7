#include "analysis/verdict/held_by.hpp"

#include <algorithm>
#include <utility>

#include "analysis/lines/internal/attribution.hpp"

namespace leakline::analysis {

namespace {

constexpr double kLeastShare = 0.5, kMostShare = 2;
constexpr double kOverhead = 32;  // bytes that malloc adds to a block at most

// Growth of a line from the first mark at or after begin_s to the last at or before end_s.
double growth_at_marks(const LineReport& lines, const LineGrowth& line, double begin_s, double end_s) {
    constexpr double kSame_s = 1e-6;
    if (line.live_at_marks.size() != lines.mark_seconds.size()) return static_cast<double>(line.growth_bytes);
    const auto& seconds = lines.mark_seconds;
    const auto first = std::lower_bound(seconds.begin(), seconds.end(), begin_s - kSame_s) - seconds.begin();
    const auto after = std::upper_bound(seconds.begin(), seconds.end(), end_s + kSame_s) - seconds.begin();
    if (after <= first) return 0;
    return line.live_at_marks[static_cast<std::size_t>(after) - 1] - line.live_at_marks[static_cast<std::size_t>(first)];
}

// Lists, dicts and strings take most of the memory, but a class of a module ("app.Node") shows where the cycle comes from: it goes first.
std::string type_in_cycles(const std::vector<LostKind>& kinds) {
    const auto rank = [](const LostKind& kind) { return std::pair(kind.type.find('.') != kind.type.npos, kind.bytes); };
    const auto first =
        std::max_element(kinds.begin(), kinds.end(), [&](const LostKind& a, const LostKind& b) { return rank(a) < rank(b); });
    return first != kinds.end() ? first->type : "";
}

HeldBy in_cycles(const PythonHolders& found) { return {{}, found.lost_blocks, found.lost_bytes, true, type_in_cycles(found.lost_kinds)}; }

}  // namespace

LeakedMemory leaked_between(const LineReport& lines, double begin_s, double end_s) {
    LeakedMemory leaked;
    const double window_begin = to_seconds(lines.window_begin), window_end = to_seconds(lines.window_end);
    if (end_s <= begin_s || end_s <= window_begin || window_end <= window_begin) return leaked;
    const double earlier = begin_s < window_begin ? (end_s - begin_s) / (end_s - window_begin) : 1;
    const double of_window = (end_s - begin_s) / (window_end - window_begin);
    for (const LineGrowth& line : lines.lines) {
        if (!line.leaking) continue;
        leaked.bytes += earlier * growth_at_marks(lines, line, begin_s, end_s);
        leaked.blocks += of_window * static_cast<double>(line.live_last_blocks - line.live_first_blocks);
    }
    return leaked;
}

std::optional<HeldBy> what_holds(const HolderReport& growth, const LeakedMemory& leaked) {
    const double least = kLeastShare * leaked.bytes, most = kMostShare * leaked.bytes + kOverhead * std::max(0.0, leaked.blocks);
    const auto explains = [&](const std::optional<std::int64_t>& bytes) {
        return bytes && *bytes > 0 && static_cast<double>(*bytes) >= least && static_cast<double>(*bytes) <= most;
    };
    if (leaked.bytes <= 0) return std::nullopt;
    HeldBy result;
    for (const Holder& holder : growth.holders) {
        if (!explains(holder.growth_bytes)) continue;
        if (result.holder) return std::nullopt;
        result.holder = holder;
    }
    const bool lost = explains(growth.growth_lost_bytes);
    if (lost == result.holder.has_value()) return std::nullopt;  // neither, or both
    if (!lost) return result;
    result.lost_bytes = static_cast<Bytes>(*growth.growth_lost_bytes);
    result.lost_blocks = static_cast<std::uint64_t>(std::max<std::int64_t>(0, growth.growth_lost_blocks.value_or(0)));
    result.lost_in_cycles = !growth.lost.empty() && growth.lost.front().cycle;
    return result;
}

std::optional<HeldBy> what_holds(const PythonHolders& found, const CodeLine& line) {
    const std::string file = normal_path(line.file);  // the interpreter has "/srv/./service" for `./service`
    const auto through = [&](const std::vector<LineBytes>& lines) {
        double bytes = 0;
        for (const LineBytes& at : lines)
            if (at.line == line.line && normal_path(at.file) == file) bytes += at.bytes;
        return bytes;
    };
    const double lost = through(found.lost);
    double all = lost + through(found.others), most = 0;
    HeldBy result;
    for (const PythonHolder& one : found.holders) {
        const double bytes = through(one.lines);
        all += bytes;
        if (bytes > most) most = bytes, result.holder = one.holder;
    }
    if (result.holder && most >= kLeastShare * all) return result;
    if (lost <= 0 || lost < kLeastShare * all) return std::nullopt;
    return in_cycles(found);
}

std::optional<HeldBy> what_holds_most(const PythonHolders& found, double grown_bytes) {
    const auto growth_of = [](const PythonHolder& one) { return static_cast<double>(one.holder.growth_bytes.value_or(0)); };
    const auto most = std::max_element(found.holders.begin(), found.holders.end(),
                                       [&](const PythonHolder& a, const PythonHolder& b) { return growth_of(a) < growth_of(b); });
    const auto lost = static_cast<double>(found.lost_bytes);
    double all = lost;
    for (const PythonHolder& one : found.holders) all += growth_of(one);
    const double least = kLeastShare * std::max(all, grown_bytes);
    if (most != found.holders.end() && growth_of(*most) > 0 && growth_of(*most) >= least) return HeldBy{most->holder, 0, 0, false, {}};
    if (lost <= 0 || lost < least) return std::nullopt;
    return in_cycles(found);
}

std::vector<ObjectType> grown_types(std::vector<ObjectType> types) {
    constexpr double kLeastOfAll = 0.01;
    constexpr std::size_t kMost = 20;
    double all = 0;
    for (const ObjectType& type : types) all += static_cast<double>(std::max<std::int64_t>(type.growth_bytes, 0));
    std::erase_if(types, [&](const ObjectType& type) {
        const double growth = static_cast<double>(type.growth_bytes);
        return growth < kLeastOfAll * all || growth <= kNormal95 * type.growth_error_bytes.value_or(0);
    });
    std::stable_sort(types.begin(), types.end(), [](const ObjectType& a, const ObjectType& b) { return a.growth_bytes > b.growth_bytes; });
    if (types.size() > kMost) types.resize(kMost);
    return types;
}

}  // namespace leakline::analysis
