#include "analysis/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analysis/baseline.hpp"

namespace leakline::analysis {

namespace {

bool decides(const Diagnosis& diagnosis) { return diagnosis.verdict == Verdict::leak || diagnosis.verdict == Verdict::no_leak; }

// Represents memory that grows although no line leaks.
constexpr const char* kNoLine = "outside of the heap's lines";

bool is_step(double before, const Interval& growth) { return growth.low > before * (1 + kTolerance); }

void judge(History::Line& line) {
    std::vector<Interval> conclusive;
    for (const auto& growth : line.growth)
        if (growth) conclusive.push_back(*growth);
    if (conclusive.empty()) return;
    const Interval newest = conclusive.back();
    conclusive.pop_back();
    // The reference level is reset at each step: a step failed its own run, and is not reported again
    // in those that follow.
    for (std::size_t run = 0; run < conclusive.size(); ++run) {
        const double growth = conclusive[run].estimate;
        if (growth <= 0)
            line.least.reset();
        else if (run > 0 && (conclusive[run - 1].estimate <= 0 || is_step(conclusive[run - 1].estimate, conclusive[run])))
            line.least = growth;
        else
            line.least = std::min(line.least.value_or(growth), growth);
    }
    if (newest.estimate <= 0)
        line.change = std::any_of(conclusive.begin(), conclusive.end(), [](const Interval& g) { return g.estimate > 0; })
                          ? History::Change::gone
                          : History::Change::steady;
    else if (conclusive.empty())
        line.change = History::Change::steady;  // no earlier run is conclusive
    else if (!line.least)
        line.change = History::Change::appeared;
    else if (is_step(conclusive.back().estimate, newest))
        line.change = History::Change::jumped;
    else if (newest.low > *line.least * (1 + kSlowGrowth))
        line.change = History::Change::slow_growth;
}

double newest_growth(const History::Line& line) {
    for (auto growth = line.growth.rbegin(); growth != line.growth.rend(); ++growth)
        if (*growth) return (*growth)->estimate;
    return 0;
}

}  // namespace

History make_history(std::vector<std::pair<std::string, Diagnosis>> diagnoses) {
    std::stable_sort(diagnoses.begin(), diagnoses.end(), [](const auto& a, const auto& b) {
        const std::string &first = a.second.started, &second = b.second.started;
        return !first.empty() && (second.empty() || first < second);
    });
    History history;
    std::map<LineName, std::size_t> known;  // index in lines
    std::vector<std::set<LineName>> leaking_in(diagnoses.size());
    const auto line_of = [&](const LineName& name, std::size_t run) -> History::Line& {
        leaking_in[run].insert(name);
        const auto [entry, is_new] = known.try_emplace(name, history.lines.size());
        if (is_new) {
            history.lines.emplace_back().growth.resize(diagnoses.size());
            history.lines.back().source = name.source;
        }
        return history.lines[entry->second];
    };
    for (std::size_t run = 0; run < diagnoses.size(); ++run) {
        const auto& [file, diagnosis] = diagnoses[run];
        history.runs.push_back({file, diagnosis.started, diagnosis.verdict, stated_per_request(diagnosis)});
        if (diagnosis.started.empty())
            history.warnings.push_back(fmt::format("{} has no date, so its position in time is not known", file));
        if (diagnosis.verdict == Verdict::invalid) continue;
        const auto leaking = leaking_lines_by_name(diagnosis);
        for (const auto& [name, growth] : leaking) {
            History::Line& line = line_of(name, run);
            line.at = growth->at;
            line.growth[run] = growth->bytes_per_request;
        }
        if (diagnosis.verdict == Verdict::leak && leaking.empty()) {
            History::Line& line = line_of({kNoLine, "", 0}, run);
            line.at.function = kNoLine;
            line.growth[run] = stated_per_request(diagnosis);
        }
    }
    for (std::size_t run = 0; run < diagnoses.size(); ++run)
        if (decides(diagnoses[run].second))
            for (const auto& [name, index] : known)
                if (!leaking_in[run].contains(name)) history.lines[index].growth[run] = Interval{0, 0, 0};
    for (History::Line& line : history.lines) judge(line);
    std::stable_sort(history.lines.begin(), history.lines.end(), [](const History::Line& a, const History::Line& b) {
        const bool first = a.change == History::Change::slow_growth, second = b.change == History::Change::slow_growth;
        return first != second ? first : newest_growth(a) > newest_growth(b);
    });
    return history;
}

}  // namespace leakline::analysis
