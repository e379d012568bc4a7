#include "analysis/baseline.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.hpp"
#include "model/words.hpp"

namespace leakline::analysis {

namespace {

constexpr std::size_t kLongestHistory = 50;

// Growth as the baseline measures it: per request if requests are known, else of the whole run.
Interval growth_of(const LineGrowth& line) {
    if (line.bytes_per_request) return *line.bytes_per_request;
    const double bytes = static_cast<double>(line.growth_bytes);
    return {bytes, bytes, bytes};
}

// The line of that name: of equal ones the rank-th largest. Null if there is none.
const Baseline::Line* find_line(const std::vector<Baseline::Line>& lines, const LineName& name) {
    std::vector<const Baseline::Line*> equal;
    for (const Baseline::Line& line : lines)
        if (line.function == name.function && line.source == name.source) equal.push_back(&line);
    std::stable_sort(equal.begin(), equal.end(), [](const auto* a, const auto* b) { return a->bytes_per_request > b->bytes_per_request; });
    return name.rank < equal.size() ? equal[name.rank] : nullptr;
}

// Users write "load_plugins" for "app::load_plugins(Config const&)" in debug info.
bool covers(const Baseline::Suppression& suppression, const LineGrowth& line) {
    if (!suppression.container.empty()) return false;  // of an audit
    if (!suppression.source.empty() && suppression.source != trim(line.source)) return false;
    const std::string& wanted = suppression.function;
    const std::string name = short_function(line.at.function);
    return wanted == line.at.function || wanted == name || name.ends_with("::" + wanted);
}

// Per hour means at the log's own rate, as it does for --max-growth; where there is none, at the pace of the run.
bool within(const Baseline::Suppression& suppression, const LineGrowth& line, const std::optional<double>& requests_per_second) {
    const bool per_request = suppression.max.per == Growth::Per::request;
    if (!per_request && line.bytes_per_request && requests_per_second)
        return line.bytes_per_request->low * *requests_per_second * 3600 <= suppression.max.bytes;
    const auto& growth = per_request ? line.bytes_per_request : line.bytes_per_hour;
    return growth && growth->low <= suppression.max.bytes;
}

std::string name_of(const LineGrowth& line) { return fmt::format("{} in {}", place_text(line.at), short_function(line.at.function)); }

// The fault of a leaking line without a suppression, if any; known: its entry in the baseline.
std::optional<std::string> fault_of(const LineGrowth& line, const Baseline::Line* known) {
    const Interval growth = growth_of(line);
    const std::string measured = fmt::format("{}, {} per request", name_of(line), format_bytes(growth.estimate));
    if (known == nullptr) return "new: " + measured;
    double least = known->bytes_per_request;
    for (const double value : known->history) least = std::min(least, value);
    if (growth.low > known->bytes_per_request * (1 + kTolerance))
        return fmt::format("grew: {} (accepted: {})", measured, format_bytes(known->bytes_per_request));
    if (growth.low > least * (1 + kSlowGrowth)) return fmt::format("grew slowly: {} (smallest so far: {})", measured, format_bytes(least));
    return std::nullopt;
}

// The entries of a baseline as a run's leaking lines meet them.
class Entries {
  public:
    Entries(const Baseline& baseline, std::string_view today)
        : baseline_(baseline), today_(today), line_seen_(baseline.lines.size()), suppression_used_(baseline.suppressions.size()) {}

    // The fault of that line, if any.
    std::vector<std::string> hold(const LineName& name, const LineGrowth& line, const std::optional<double>& requests_per_second) {
        std::vector<std::string> faults;
        bool covered = false;
        for (std::size_t i = 0; i < baseline_.suppressions.size(); ++i) {
            const Baseline::Suppression& item = baseline_.suppressions[i];
            if (!covers(item, line) || expired(item)) continue;
            suppression_used_[i] = covered = true;
            if (!within(item, line, requests_per_second))
                faults.push_back(fmt::format("{} grows by more than its suppression allows ({})", name_of(line), growth_text(item.max)));
        }
        if (covered) return faults;
        const Baseline::Line* known = find_line(baseline_.lines, name);
        if (known != nullptr) line_seen_[static_cast<std::size_t>(known - baseline_.lines.data())] = true;
        if (auto fault = fault_of(line, known)) faults.push_back(*std::move(fault));
        return faults;
    }

    // Entries without a matching line.
    std::vector<std::string> warnings(const std::string& name) const {
        std::vector<std::string> out;
        for (std::size_t i = 0; i < baseline_.suppressions.size(); ++i) {
            const Baseline::Suppression& item = baseline_.suppressions[i];
            if (!item.container.empty()) continue;
            if (expired(item))
                out.push_back(fmt::format("{}: the suppression of {} expired on {} ({})", name, item.function, item.expires, item.reason));
            else if (!suppression_used_[i])
                out.push_back(fmt::format("{}: the suppression of {} is not used: remove it ({})", name, item.function, item.reason));
        }
        for (std::size_t i = 0; i < baseline_.lines.size(); ++i)
            if (!line_seen_[i])
                out.push_back(fmt::format("{}: {} no longer leaks: run leakline baseline to remove it", name, baseline_.lines[i].function));
        return out;
    }

  private:
    bool expired(const Baseline::Suppression& item) const { return !item.expires.empty() && item.expires < today_; }

    const Baseline& baseline_;
    std::string_view today_;
    std::vector<bool> line_seen_, suppression_used_;
};

}  // namespace

std::vector<std::pair<LineName, const LineGrowth*>> leaking_lines_by_name(const Diagnosis& diagnosis) {
    std::vector<std::pair<LineName, const LineGrowth*>> out;
    for (const LineGrowth& line : diagnosis.lines.lines)
        if (line.leaking) out.push_back({{line.at.function, std::string(trim(line.source)), 0}, &line});
    for (auto& [name, line] : out)
        name.rank = static_cast<std::size_t>(std::count_if(out.begin(), out.end(), [&, own = line, &of = name](const auto& other) {
            if (other.first.function != of.function || other.first.source != of.source || other.second == own) return false;
            const double growth = growth_of(*own).estimate, others = growth_of(*other.second).estimate;
            return others > growth || (others == growth && other.second < own);
        }));
    return out;
}

BaselineCheck check_baseline(const Diagnosis& diagnosis, const Baseline& baseline, const std::string& name, std::string_view today) {
    Entries entries(baseline, today);
    const auto leaking = leaking_lines_by_name(diagnosis);
    std::vector<std::string> found;
    for (const auto& [line_name, line] : leaking)
        for (std::string& fault : entries.hold(line_name, *line, diagnosis.requests_per_second)) found.push_back(std::move(fault));
    for (const ResourceGrowth& growth : diagnosis.resources.counts)
        if (growth.verdict == Trend::growing && !growth.reasons.empty()) found.push_back("new: " + growth.reasons.front());

    BaselineCheck check{{"no new leaks compared with " + name, GateOutcome::passed, ""}, entries.warnings(name)};
    if (!found.empty()) {
        check.gate.outcome = GateOutcome::failed;
        check.gate.message = fmt::format("{}", fmt::join(found, "; "));
    } else if (diagnosis.verdict == Verdict::leak && leaking.empty()) {
        check.gate.outcome = GateOutcome::failed;
        check.gate.message = "memory grows, but no source line is known; a baseline can accept only growth of source lines";
    } else if (diagnosis.verdict == Verdict::inconclusive || diagnosis.verdict == Verdict::invalid) {
        check.gate.outcome = GateOutcome::inconclusive;
        check.gate.message = diagnosis.reasons.empty() ? "the run is inconclusive" : diagnosis.reasons.front();
    }
    return check;
}

void apply_baseline(Diagnosis& diagnosis, const Baseline& baseline, const std::string& name, std::string_view today) {
    BaselineCheck check = check_baseline(diagnosis, baseline, name, today);
    diagnosis.accepted = diagnosis.verdict == Verdict::leak && check.gate.outcome == GateOutcome::passed;
    diagnosis.gates.push_back(std::move(check.gate));
    diagnosis.caveats.insert(diagnosis.caveats.end(), check.warnings.begin(), check.warnings.end());
}

Baseline next_baseline(const Diagnosis& diagnosis, const Baseline& old) {
    Baseline next;
    next.suppressions = old.suppressions;
    next.findings = old.findings;
    for (const auto& [line_name, pointer] : leaking_lines_by_name(diagnosis)) {
        const LineGrowth& line = *pointer;
        if (std::any_of(old.suppressions.begin(), old.suppressions.end(), [&](const auto& item) { return covers(item, line); })) continue;
        Baseline::Line& entry = next.lines.emplace_back();
        entry.function = line_name.function;
        entry.source = line_name.source;
        entry.file = line.at.file;
        entry.bytes_per_request = growth_of(line).estimate;
        if (const Baseline::Line* known = find_line(old.lines, line_name)) entry.history = known->history;
        entry.history.push_back(entry.bytes_per_request);
        if (entry.history.size() > kLongestHistory) entry.history.erase(entry.history.begin(), entry.history.end() - kLongestHistory);
    }
    return next;
}

}  // namespace leakline::analysis
