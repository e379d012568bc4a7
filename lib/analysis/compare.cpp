#include "analysis/compare.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>
#include <type_traits>

#include "analysis/internal/false_discovery.hpp"
#include "analysis/lines/function_name.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"

namespace leakline::analysis {

namespace {

constexpr double kFalseDiscoveryRate = 0.05;
constexpr double kSmallestShare = 0.05;        // of the larger rate: smaller differences are irrelevant
constexpr double kNormalHalfWidth = 1.959964;  // of a 95 % interval, in standard errors
constexpr double kUnknown = std::numeric_limits<double>::infinity();

struct Pair {
    const LineGrowth* before = nullptr;
    const LineGrowth* after = nullptr;
};

std::string without_blanks(std::string_view text) {
    std::string out;
    for (char c : text)
        if (c != ' ' && c != '\t' && c != '\r') out += c;
    return out;
}

// Pairs lines whose keys are equal, those of one key in the order of their line numbers; what is paired is
// taken out.
template <class Key>
void pair_by(std::vector<const LineGrowth*>& before, std::vector<const LineGrowth*>& after, std::vector<Pair>& pairs, Key key_of) {
    using Keyed = std::multimap<typename std::invoke_result_t<Key, const LineGrowth&>::value_type, const LineGrowth*>;
    const auto keyed = [&](const std::vector<const LineGrowth*>& lines) {
        Keyed result;
        for (const LineGrowth* line : lines)
            if (auto key = key_of(*line)) result.emplace(std::move(*key), line);
        return result;
    };
    const auto take = [](std::vector<const LineGrowth*>& lines, const LineGrowth* line) {
        lines.erase(std::find(lines.begin(), lines.end(), line));
    };
    const Keyed old_lines = keyed(before);
    Keyed new_lines = keyed(after);
    for (const auto& [key, old_line] : old_lines) {
        const auto found = new_lines.find(key);
        if (found == new_lines.end()) continue;
        pairs.push_back({old_line, found->second});
        take(before, old_line);
        take(after, found->second);
        new_lines.erase(found);
    }
}

void pair_by_unique_text(std::vector<const LineGrowth*>& before, std::vector<const LineGrowth*>& after, std::vector<Pair>& pairs) {
    using Text = std::pair<std::string, std::string>;
    const auto text_of = [](const LineGrowth& line) { return Text{std::string(file_name(line.at.file)), without_blanks(line.source)}; };
    std::map<Text, std::size_t> old_count, new_count;
    for (const LineGrowth* line : before) ++old_count[text_of(*line)];
    for (const LineGrowth* line : after) ++new_count[text_of(*line)];
    pair_by(before, after, pairs, [&](const LineGrowth& line) -> std::optional<Text> {
        Text text = text_of(line);
        if (text.second.empty() || old_count[text] != 1 || new_count[text] != 1) return std::nullopt;
        return text;
    });
}

std::vector<Pair> pair_lines(const LineReport& before, const LineReport& after) {
    const auto pointers = [](const LineReport& report) {
        std::vector<const LineGrowth*> lines;
        for (const LineGrowth& line : report.lines) lines.push_back(&line);
        std::sort(lines.begin(), lines.end(), [](const LineGrowth* a, const LineGrowth* b) { return a->at.line < b->at.line; });
        return lines;
    };
    std::vector<const LineGrowth*> old_lines = pointers(before), new_lines = pointers(after);
    std::vector<Pair> pairs;
    const bool by_line = before.by == GroupBy::line;

    using Text = std::pair<std::string, std::string>;
    pair_by(old_lines, new_lines, pairs, [&](const LineGrowth& line) -> std::optional<Text> {
        std::string text = without_blanks(line.source);
        if (!by_line) text = before.by == GroupBy::file ? std::string(file_name(line.at.file)) : "function";
        if (text.empty()) return std::nullopt;
        return Text{before.by == GroupBy::file ? "" : qualified_name(line.at.function), text};
    });
    // A function that has another name now: its lines are known by their text, where nothing else in the file has it.
    if (by_line) pair_by_unique_text(old_lines, new_lines, pairs);
    using Place = std::tuple<std::string, std::string, std::uint32_t>;
    const auto text_unknown = [](const LineGrowth& a, const LineGrowth& b) { return a.source.empty() || b.source.empty(); };
    std::vector<Pair> placed;
    std::vector<const LineGrowth*> old_rest = old_lines, new_rest = new_lines;
    pair_by(old_rest, new_rest, placed, [&](const LineGrowth& line) -> std::optional<Place> {
        return Place{qualified_name(line.at.function), std::string(file_name(line.at.file)), line.at.line};
    });
    using Function = std::pair<std::string, std::string>;
    // One remaining line of a function on each side.
    std::map<Function, std::pair<std::vector<const LineGrowth*>, std::vector<const LineGrowth*>>> functions;
    const auto accept = [&](const LineGrowth* a, const LineGrowth* b) {
        pairs.push_back({a, b});
        old_lines.erase(std::find(old_lines.begin(), old_lines.end(), a));
        new_lines.erase(std::find(new_lines.begin(), new_lines.end(), b));
    };
    for (const Pair& pair : placed)
        if (text_unknown(*pair.before, *pair.after)) accept(pair.before, pair.after);
    for (const LineGrowth* line : old_lines)
        functions[{qualified_name(line->at.function), std::string(file_name(line->at.file))}].first.push_back(line);
    for (const LineGrowth* line : new_lines)
        functions[{qualified_name(line->at.function), std::string(file_name(line->at.file))}].second.push_back(line);
    for (const auto& [name, lines] : functions)
        if (lines.first.size() == 1 && lines.second.size() == 1 && text_unknown(*lines.first[0], *lines.second[0]))
            accept(lines.first[0], lines.second[0]);

    for (const LineGrowth* line : old_lines) pairs.push_back({line, nullptr});
    for (const LineGrowth* line : new_lines) pairs.push_back({nullptr, line});
    return pairs;
}

struct Scale {
    Growth::Per per;
    double before, after;  // length of the windows in that unit; 0 where not known
};

double length(const LineReport& report, Growth::Per per) {
    if (per == Growth::Per::hour) return std::chrono::duration<double, std::ratio<3600>>(report.window_end - report.window_begin).count();
    if (report.mark_requests.size() < 2 || !report.mark_requests.back()) return 0;
    const std::uint64_t first = report.mark_requests.front().value_or(0);
    return static_cast<double>(*report.mark_requests.back() - std::min(first, *report.mark_requests.back()));
}

Scale scale_of(const LineReport& before, const LineReport& after, const CompareOptions& options) {
    const double requests_before = length(before, Growth::Per::request), requests_after = length(after, Growth::Per::request);
    const bool known = requests_before > 0 && requests_after > 0;
    Growth::Per per = known ? Growth::Per::request : Growth::Per::hour;
    if (options.max_growth) per = options.max_growth->per;
    if (per == Growth::Per::request) {
        if (!known)
            throw Error(ErrorKind::usage, "--max-growth", "is per request, but the recordings contain no request counts",
                        "state it per hour, as in --max-growth 1MiB/h, or compare diagnoses");
        return {per, requests_before, requests_after};
    }
    return {per, length(before, per), length(after, per)};
}

Interval rate_of(const LineGrowth* line, const Scale& scale, double window) {
    if (line == nullptr) return {};
    const auto& known = scale.per == Growth::Per::request ? line->bytes_per_request : line->bytes_per_hour;
    if (known) return *known;
    if (line->growth_bytes == 0) return {};
    return {window > 0 ? static_cast<double>(line->growth_bytes) / window : 0, -kUnknown, kUnknown};
}

double larger_rate(const LineDifference& line) { return std::max(std::abs(line.rate_before.estimate), std::abs(line.rate_after.estimate)); }

double half_width(const Interval& interval) { return (interval.high - interval.low) / 2; }

// The interval of a container that doubles is no error of measurement: its content can be anywhere between half of the
// capacity and all of it, so only a difference between the ends of both is one.
bool is_bounded(const LineDifference& line) {
    return line.class_before == GrowthClass::container_doubling || line.class_after == GrowthClass::container_doubling;
}

Interval difference_of(const Interval& before, const Interval& after, bool bounded) {
    const double estimate = after.estimate - before.estimate;
    if (bounded) return {estimate, after.low - before.high, after.high - before.low};
    const double half = std::hypot(half_width(before), half_width(after));
    return {estimate, estimate - half, estimate + half};
}

// Two-sided, by the normal approximation: the intervals' half-widths are those of Student's t, so it errs
// towards "no difference".
double chance(const LineDifference& line) {
    const Interval& difference = line.difference;
    if (is_bounded(line)) {
        const double nothing = kSmallestShare * larger_rate(line);
        return difference.low > nothing || difference.high < -nothing ? 0 : 1;
    }
    const double half = half_width(difference);
    if (half == 0) return difference.estimate == 0 ? 1 : 0;
    return std::erfc(std::abs(difference.estimate) / half * kNormalHalfWidth / std::sqrt(2.0));
}

LineDifference difference_of(const Pair& pair, const Scale& scale) {
    LineDifference line;
    if (pair.before != nullptr) {
        line.before = pair.before->at;
        line.source = pair.before->source;
        line.growth_before_bytes = pair.before->growth_bytes;
        line.class_before = pair.before->growth_class;
        line.leaking_before = pair.before->leaking;
        line.callers_before = pair.before->callers;
    }
    if (pair.after != nullptr) {
        line.after = pair.after->at;
        line.source = pair.after->source;
        line.growth_after_bytes = pair.after->growth_bytes;
        line.class_after = pair.after->growth_class;
        line.leaking_after = pair.after->leaking;
        line.callers_after = pair.after->callers;
    }
    line.rate_before = rate_of(pair.before, scale, scale.before);
    line.rate_after = rate_of(pair.after, scale, scale.after);
    line.difference = difference_of(line.rate_before, line.rate_after, is_bounded(line));
    return line;
}

LineChange change_of(const LineDifference& line, double adjusted) {
    if (!std::isfinite(half_width(line.difference))) return LineChange::unclear;
    if (adjusted > kFalseDiscoveryRate || std::abs(line.difference.estimate) <= kSmallestShare * larger_rate(line)) return LineChange::same;
    if (!line.before) return LineChange::appeared;
    if (!line.after) return LineChange::gone;
    return line.difference.estimate > 0 ? LineChange::grown : LineChange::shrunk;
}

void decide(Comparison& comparison) {
    const std::string unit = comparison.per == Growth::Per::request ? "/request" : "/h";
    std::size_t over = 0, doubtful = 0, fixed = 0;
    for (const LineDifference& line : comparison.lines) {
        if (line.over_budget) ++over;
        if (line.change == LineChange::unclear && line.difference.estimate > comparison.budget &&
            line.growth_after_bytes > line.growth_before_bytes)
            ++doubtful;
        if (line.leaking_before && !line.leaking_after && (line.change == LineChange::shrunk || line.change == LineChange::gone)) ++fixed;
    }
    const auto lines = [](std::size_t count) { return std::to_string(count) + (count == 1 ? " line" : " lines"); };
    if (over > 0) {
        comparison.outcome = GateOutcome::failed;
        comparison.reasons.push_back(lines(over) + (over == 1 ? " leaks" : " leak") + " more than before" +
                                     (comparison.budget > 0 ? ", by more than " + format_bytes(comparison.budget) + unit : ""));
    } else if (doubtful > 0) {
        comparison.outcome = GateOutcome::inconclusive;
        comparison.reasons.push_back(
            lines(doubtful) +
            " may leak more than before, but a recording has too few measurements to decide: record more rounds, or record for longer");
    } else {
        comparison.reasons.push_back("no line leaks more than before" +
                                     (comparison.budget > 0 ? " by more than " + format_bytes(comparison.budget) + unit : std::string()));
    }
    if (fixed > 0) comparison.reasons.push_back(std::to_string(fixed) + (fixed == 1 ? " leak fixed" : " leaks fixed"));
}

}  // namespace

Comparison compare_lines(const LineReport& before, const LineReport& after, const CompareOptions& options) {
    if (before.by != after.by)
        throw Error(ErrorKind::usage, "compare", "one report is by line, the other by function or file", "make both with the same --by");
    const Scale scale = scale_of(before, after, options);
    Comparison comparison;
    comparison.per = scale.per;
    if (options.max_growth) comparison.budget = options.max_growth->bytes;
    if (scale.before > 0) comparison.total_before = static_cast<double>(before.accounting.live_delta_bytes) / scale.before;
    if (scale.after > 0) comparison.total_after = static_cast<double>(after.accounting.live_delta_bytes) / scale.after;

    for (const Pair& pair : pair_lines(before, after)) {
        LineDifference line = difference_of(pair, scale);
        // Memory that was allocated once, at the start, has grown but is not growing.
        const bool grows = line.rate_before.estimate > 0 || line.rate_after.estimate > 0;
        if (!grows && !line.leaking_before && !line.leaking_after) continue;
        comparison.lines.push_back(std::move(line));
    }
    std::vector<double> p;
    std::vector<std::size_t> tested;
    for (std::size_t i = 0; i < comparison.lines.size(); ++i) {
        if (!std::isfinite(half_width(comparison.lines[i].difference))) continue;
        p.push_back(chance(comparison.lines[i]));
        tested.push_back(i);
    }
    const std::vector<double> adjusted = adjust_for_discovery(p);
    for (std::size_t i = 0; i < tested.size(); ++i) comparison.lines[tested[i]].p_value = adjusted[i];
    for (LineDifference& line : comparison.lines) {
        line.change = change_of(line, line.p_value.value_or(1));
        line.over_budget = (line.change == LineChange::appeared || line.change == LineChange::grown) && line.leaking_after &&
                           line.difference.estimate > comparison.budget;
    }
    std::stable_sort(comparison.lines.begin(), comparison.lines.end(), [](const LineDifference& a, const LineDifference& b) {
        return std::tuple(!a.over_budget, -std::abs(a.difference.estimate)) < std::tuple(!b.over_budget, -std::abs(b.difference.estimate));
    });
    decide(comparison);
    return comparison;
}

}  // namespace leakline::analysis
