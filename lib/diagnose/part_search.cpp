#include "diagnose/internal/part_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <optional>

#include "base/strings.hpp"

namespace leakline::diagnose {

namespace {

// How a step ended. stopped: no more tests; the part found so far is the result.
enum class Step { nothing_left_out, left_out, stopped };

Part::Condition* condition_of(Part& part, std::size_t kind, const std::string& facet) {
    for (Part::Condition& condition : part.conditions)
        if (condition.kind == kind && condition.facet == facet) return &condition;
    return nullptr;
}

Part with_values(Part part, std::size_t kind, const std::string& facet, std::set<std::string> values) {
    if (Part::Condition* condition = condition_of(part, kind, facet))
        condition->values = std::move(values);
    else
        part.conditions.push_back({kind, facet, std::move(values)});
    return part;
}

Part without_condition(Part part, const Part::Condition& which) {
    std::erase_if(part.conditions,
                  [&](const Part::Condition& condition) { return condition.kind == which.kind && condition.facet == which.facet; });
    return part;
}

Part without_kind(Part part, std::size_t kind) {
    std::erase(part.kinds, kind);
    std::erase_if(part.conditions, [&](const Part::Condition& condition) { return condition.kind == kind; });
    part.dropped.erase(kind);
    return part;
}

class Search {
  public:
    Search(const RequestKinds& kinds, Part whole, const PartTests& tests) : kinds_(kinds), tests_(tests) { found_.part = std::move(whole); }

    FoundPart run(SearchDepth depth) {
        found_.complete = reduce_kinds() && (depth == SearchDepth::kinds || reduce_requests()) && leave_out_again();
        if (found_.complete) report_inseparable_parts();
        return std::move(found_);
    }

  private:
    // Each takes what was left out into found_.part, and is false where it was stopped.
    bool reduce_kinds() {
        return !minimize(found_.part.kinds, [this](const std::vector<std::size_t>& kinds) {
                    Part part;
                    part.kinds = kinds;
                    tests_.expect(expected_tests(kinds.size()));
                    return adopt(part);
                }).stopped;
    }

    // Fields first: one that the leak does not need is no cause, whatever its values come together with. But it may well
    // tell the requests that leak from others, where nothing else does: such facets come last.
    bool reduce_requests() {
        if (!reduce_fields()) return false;
        facets_ = kinds_.facets(found_.part.kinds);
        std::stable_partition(facets_.begin(), facets_.end(), [this](const Facet& facet) { return !is_dropped(facet); });
        if (!reduce_values()) return false;
        return found_.part.conditions.empty() || reduce_fields();
    }

    bool is_dropped(const Facet& facet) const {
        const auto dropped = found_.part.dropped.find(facet.kind);
        return dropped != found_.part.dropped.end() && facet.name.starts_with('.') && dropped->second.contains(facet.name.substr(1));
    }

    // A value is only taken for a cause where the requests without it do not leak: one of two halves that both leak
    // would be no less than the whole.
    bool reduce_values() {
        tests_.expect(2 * static_cast<int>(facets_.size()));
        for (const Facet& facet : facets_) {
            std::vector<std::string> values;
            for (const auto& [value, count] : facet.values) values.push_back(value);
            while (values.size() >= 2) {
                const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
                const std::vector<std::string> low(values.begin(), middle), high(middle, values.end());
                // What is in no request any more (of those that are left) is no cause, and not reported.
                const bool in_low = has_requests_of(narrowed(facet, low), facet.kind);
                if (!in_low || !has_requests_of(narrowed(facet, high), facet.kind)) {
                    values = in_low ? low : high;
                    continue;
                }
                const TestResult first = ask(narrowed(facet, low));
                if (first == TestResult::stop) return false;
                if (first == TestResult::unresolved) break;
                const TestResult second = ask(narrowed(facet, high));
                if (second == TestResult::stop) return false;
                if (second == TestResult::unresolved || first == second) break;
                values = first == TestResult::fail ? low : high;
                const TestResult kept = adopt(narrowed(facet, values));
                if (kept == TestResult::stop) return false;
                if (kept != TestResult::fail) break;
            }
        }
        return true;
    }

    Part narrowed(const Facet& facet, const std::vector<std::string>& values) const {
        return with_values(found_.part, facet.kind, facet.name, {values.begin(), values.end()});
    }

    // Fields of JSON bodies that the leak does not need: all of a kind's at once, else by delta debugging.
    bool reduce_fields() {
        const auto fields = kinds_.fields(found_.part.kinds);
        int more = 0;
        for (const auto& [kind, names] : fields) more += 1 + expected_tests(names.size());
        tests_.expect(more);
        for (const auto& [kind, names] : fields) {
            std::vector<std::size_t> all;
            for (std::size_t field = 0; field < names.size(); ++field)
                if (const auto dropped = found_.part.dropped.find(kind);
                    dropped == found_.part.dropped.end() || !dropped->second.contains(names[field]))
                    all.push_back(field);
            if (all.empty()) continue;
            const auto with = [&, kind = kind, &names = names](const std::vector<std::size_t>& kept) {
                Part part = found_.part;
                std::set<std::string>& dropped = part.dropped[kind];
                dropped = {names.begin(), names.end()};
                for (const std::size_t field : kept) dropped.erase(names[field]);
                if (dropped.empty()) part.dropped.erase(kind);
                return adopt(part);
            };
            const TestResult none = with({});
            if (none == TestResult::stop) return false;
            if (none == TestResult::fail) continue;
            if (minimize(all, with).stopped) return false;
        }
        return true;
    }

    bool leave_out_again() {
        for (;;) {
            doubts_.clear();
            tests_.expect(static_cast<int>(found_.part.conditions.size()));
            Step step = leave_out_a_condition();
            if (step == Step::nothing_left_out) step = leave_out_a_value();
            if (step == Step::nothing_left_out) step = leave_out_a_kind();
            if (step == Step::left_out) continue;
            for (const std::string& doubt : doubts_)
                found_.notes.push_back(
                    fmt::format("{} may not be needed: it is inconclusive whether the rest leaks without it; "
                                "try more --rounds",
                                doubt));
            return step != Step::stopped;
        }
    }

    // A condition adds nothing where the requests that it leaves out leak as well, or where it leaves none out.
    Step leave_out_a_condition() {
        for (const Part::Condition& condition : found_.part.conditions) {
            const Part without = without_condition(found_.part, condition);
            const Part opposite = with_values(found_.part, condition.kind, condition.facet, other_values(condition));
            if (!has_requests_of(opposite, condition.kind)) {
                keep(without);
                return Step::left_out;
            }
            const Step step = leave_out(opposite, without, in_words(condition));
            if (step != Step::nothing_left_out) return step;
        }
        return Step::nothing_left_out;
    }

    // One of several values adds nothing where its requests alone do not leak.
    Step leave_out_a_value() {
        for (const Part::Condition& condition : found_.part.conditions) {
            if (condition.values.size() < 2) continue;
            for (const std::string& value : condition.values) {
                const TestResult alone = ask(with_values(found_.part, condition.kind, condition.facet, {value}));
                if (alone == TestResult::stop) return Step::stopped;
                if (alone == TestResult::unresolved) doubts_.push_back(in_words({condition.kind, condition.facet, {value}}));
                if (alone != TestResult::pass) continue;
                std::set<std::string> others = condition.values;
                others.erase(value);
                const TestResult adopted = adopt(with_values(found_.part, condition.kind, condition.facet, std::move(others)));
                if (adopted == TestResult::stop) return Step::stopped;
                if (adopted == TestResult::fail) return Step::left_out;
            }
        }
        return Step::nothing_left_out;
    }

    Step leave_out_a_kind() {
        if (found_.part.kinds.size() < 2) return Step::nothing_left_out;
        for (const std::size_t kind : found_.part.kinds) {
            const Part without = without_kind(found_.part, kind);
            const Step step = leave_out(without, without, printable(kinds_.names()[kind]));
            if (step != Step::nothing_left_out) return step;
        }
        return Step::nothing_left_out;
    }

    // Where `asked` leaks, the smallest part is `rest`: the part without what is called `name`.
    Step leave_out(const Part& asked, const Part& rest, const std::string& name) {
        const TestResult answer = tests_.confirm(asked);
        if (answer == TestResult::stop) return Step::stopped;
        if (answer == TestResult::unresolved) doubts_.push_back(name);
        if (answer != TestResult::fail) return Step::nothing_left_out;
        const TestResult adopted = adopt(rest);
        if (adopted == TestResult::stop) return Step::stopped;
        return adopted == TestResult::fail ? Step::left_out : Step::nothing_left_out;
    }

    // A facet whose field the leak does not need is none that it may come from.
    void report_inseparable_parts() {
        constexpr std::size_t kNamed = 4;
        for (const Part::Condition& condition : found_.part.conditions) {
            std::string names;
            std::size_t others = 0;
            for (const Part::Condition& same : kinds_.same_as(condition, found_.part, facets_))
                if (!is_dropped({same.kind, same.facet, {}}) && ++others <= kNamed)
                    names += (names.empty() ? "" : " and ") + kinds_.text(same);
            if (others > kNamed) names += fmt::format(" and {} more", others - kNamed);
            if (others > 0)
                found_.notes.push_back(fmt::format(
                    "{} occurs only together with {}: this log cannot show which of them causes the leak; add requests that have one without the other",
                    in_words(condition), names));
        }
    }

    std::set<std::string> other_values(const Part::Condition& condition) const {
        std::set<std::string> others;
        for (const Facet& facet : facets_)
            if (facet.kind == condition.kind && facet.name == condition.facet)
                for (const auto& [value, count] : facet.values)
                    if (!condition.values.contains(value)) others.insert(value);
        return others;
    }

    bool has_requests_of(const Part& part, std::size_t kind) const {
        Part alone = part;
        alone.kinds = {kind};
        return kinds_.count(alone) > 0;
    }

    // "GET /q where ?lang is 'en'"
    std::string in_words(const Part::Condition& condition) const { return kinds_.text({{condition.kind}, {condition}, {}}); }

    TestResult ask(const Part& part) const { return tests_.ask(part); }

    TestResult adopt(const Part& part) {
        const TestResult answer = tests_.confirm(part);
        if (answer == TestResult::fail) keep(part);
        return answer;
    }

    void keep(Part part) {
        found_.part = std::move(part);
        tests_.keep(found_.part);
    }

    const RequestKinds& kinds_;
    const PartTests& tests_;
    FoundPart found_;
    std::vector<Facet> facets_;        // of the kinds that are left
    std::vector<std::string> doubts_;  // what could not be left out for want of a clear answer
};

}  // namespace

FoundPart search_part(const RequestKinds& kinds, Part whole, SearchDepth depth, const PartTests& tests) {
    return Search(kinds, std::move(whole), tests).run(depth);
}

int expected_tests(std::size_t elements) { return 2 * static_cast<int>(std::bit_width(std::max<std::size_t>(elements, 1) - 1)); }

}  // namespace leakline::diagnose
