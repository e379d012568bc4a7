#include "report/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "report/baseline.hpp"
#include "report/summary.hpp"

namespace leakline::report {

namespace {

bool decides(const Diagnosis& diagnosis) {
    return diagnosis.verdict == Verdict::leak || diagnosis.verdict == Verdict::no_leak;
}

void judge(History::Line& line) {
    std::vector<Interval> told;
    for (const auto& growth : line.growth)
        if (growth) told.push_back(*growth);
    if (told.empty()) return;
    const Interval newest = told.back();
    told.pop_back();
    std::erase_if(told, [](const Interval& growth) { return growth.estimate <= 0; });
    for (const Interval& growth : told) line.least = std::min(line.least.value_or(growth.estimate), growth.estimate);
    if (newest.estimate <= 0)
        line.change = History::Change::gone;
    else if (told.empty())
        line.change = line.growth.size() > 1 ? History::Change::appeared : History::Change::steady;
    else if (newest.low > told.back().estimate * (1 + kTolerance))
        line.change = History::Change::jumped;
    else if (newest.low > *line.least * (1 + kSlowBoil))
        line.change = History::Change::slow_boil;
}

// Whether some run alone was above the one before it by what the gate notices.
bool has_step(const History::Line& line) {
    std::optional<double> before;
    for (const auto& growth : line.growth) {
        if (!growth) continue;
        if (before && growth->low > *before * (1 + kTolerance)) return true;
        before = growth->estimate;
    }
    return false;
}

double newest_growth(const History::Line& line) {
    for (auto growth = line.growth.rbegin(); growth != line.growth.rend(); ++growth)
        if (*growth) return (*growth)->estimate;
    return 0;
}

}  // namespace

std::string_view change_name(History::Change change) {
    switch (change) {
        case History::Change::steady:
            return "steady";
        case History::Change::appeared:
            return "new";
        case History::Change::jumped:
            return "jumped";
        case History::Change::slow_boil:
            return "slow boil";
        case History::Change::gone:
            return "gone";
    }
    return "steady";
}

bool worse(History::Change change) {
    return change == History::Change::appeared || change == History::Change::jumped || change == History::Change::slow_boil;
}

bool History::boils() const {
    return std::any_of(lines.begin(), lines.end(), [](const Line& line) { return line.change == Change::slow_boil; });
}

bool History::worsened() const {
    return std::any_of(lines.begin(), lines.end(), [](const Line& line) { return worse(line.change); });
}

History make_history(std::vector<std::pair<std::string, Diagnosis>> diagnoses) {
    std::stable_sort(diagnoses.begin(), diagnoses.end(), [](const auto& a, const auto& b) {
        const std::string &first = a.second.started, &second = b.second.started;
        return !first.empty() && (second.empty() || first < second);
    });
    History history;
    std::map<std::pair<std::string, std::string>, std::size_t> known;  // function and text -> index in lines
    for (const auto& [file, diagnosis] : diagnoses)
        for (const LineGrowth& line : diagnosis.lines.lines) {
            if (!line.leaking) continue;
            const std::string source(trim(line.source));
            const auto [entry, is_new] = known.try_emplace({line.at.function, source}, history.lines.size());
            if (is_new) {
                history.lines.emplace_back().growth.resize(diagnoses.size());
                history.lines.back().source = source;
            }
            history.lines[entry->second].at = line.at;
        }
    for (std::size_t run = 0; run < diagnoses.size(); ++run) {
        const auto& [file, diagnosis] = diagnoses[run];
        history.runs.push_back({file, diagnosis.started, diagnosis.verdict, diagnosis.trend.bytes_per_request});
        if (diagnosis.started.empty())
            history.warnings.push_back(fmt::format("{} does not say when it was made, so its place in time is not known", file));
        if (decides(diagnosis))
            for (History::Line& line : history.lines) line.growth[run] = Interval{0, 0, 0};
        for (const LineGrowth& line : diagnosis.lines.lines) {
            if (!line.leaking || diagnosis.verdict == Verdict::invalid) continue;
            history.lines[known.at({line.at.function, std::string(trim(line.source))})].growth[run] = line.bytes_per_request;
        }
    }
    for (History::Line& line : history.lines) judge(line);
    std::stable_sort(history.lines.begin(), history.lines.end(), [](const History::Line& a, const History::Line& b) {
        const bool first = a.change == History::Change::slow_boil, second = b.change == History::Change::slow_boil;
        return first != second ? first : newest_growth(a) > newest_growth(b);
    });
    return history;
}

std::string_view history_verdict(const History& history) {
    return history.boils() ? "slow boil" : history.worsened() ? "worse" : "no worse";
}

std::string history_headline(const History& history) {
    const auto count = [&](History::Change change) {
        return std::count_if(history.lines.begin(), history.lines.end(), [&](const auto& line) { return line.change == change; });
    };
    if (history.boils()) {
        const History::Line& first = history.lines.front();
        return fmt::format("{} leaks {} a request and once leaked {}{}{}", place_text(first.at), format_bytes(newest_growth(first)),
                           format_bytes(first.least.value_or(0)), has_step(first) ? "" : ", with no step large enough to be noticed",
                           count(History::Change::slow_boil) > 1
                               ? fmt::format("; {} lines do", count(History::Change::slow_boil))
                               : "");
    }
    if (history.runs.size() == 1)
        return fmt::format("one run, so there is nothing to compare it with; lines that leak: {}", history.lines.size());
    if (history.lines.empty()) return fmt::format("no line leaks in any of {} runs", history.runs.size());
    return fmt::format("lines that leak in any of {} runs: {}, of which {} new, {} jumped, {} gone", history.runs.size(),
                       history.lines.size(), count(History::Change::appeared), count(History::Change::jumped),
                       count(History::Change::gone));
}

}  // namespace leakline::report
