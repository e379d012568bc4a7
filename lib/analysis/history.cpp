#include "analysis/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analysis/baseline.hpp"

namespace leakline::analysis {

namespace {

bool decides(const Diagnosis& diagnosis) { return diagnosis.verdict == Verdict::leak || diagnosis.verdict == Verdict::no_leak; }

// Stands for memory that grows where no line leaks.
constexpr const char* kNoLine = "outside of the heap's lines";

bool is_step(double before, const Interval& growth) { return growth.low > before * (1 + kTolerance); }

void judge(History::Line& line) {
    std::vector<Interval> told;
    for (const auto& growth : line.growth)
        if (growth) told.push_back(*growth);
    if (told.empty()) return;
    const Interval newest = told.back();
    told.pop_back();
    // The level that it is held against begins anew with each step: a step failed the run that it came in, and is old news
    // in those that follow.
    for (std::size_t run = 0; run < told.size(); ++run) {
        const double growth = told[run].estimate;
        if (growth <= 0)
            line.least.reset();
        else if (run > 0 && (told[run - 1].estimate <= 0 || is_step(told[run - 1].estimate, told[run])))
            line.least = growth;
        else
            line.least = std::min(line.least.value_or(growth), growth);
    }
    if (newest.estimate <= 0)
        line.change = std::any_of(told.begin(), told.end(), [](const Interval& g) { return g.estimate > 0; }) ? History::Change::gone
                                                                                                              : History::Change::steady;
    else if (told.empty())
        line.change = History::Change::steady;  // no run before it decides
    else if (!line.least)
        line.change = History::Change::appeared;
    else if (is_step(told.back().estimate, newest))
        line.change = History::Change::jumped;
    else if (newest.low > *line.least * (1 + kSlowBoil))
        line.change = History::Change::slow_boil;
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
            history.warnings.push_back(fmt::format("{} does not say when it was made, so its place in time is not known", file));
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
        const bool first = a.change == History::Change::slow_boil, second = b.change == History::Change::slow_boil;
        return first != second ? first : newest_growth(a) > newest_growth(b);
    });
    return history;
}

}  // namespace leakline::analysis
