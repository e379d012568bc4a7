#include "diagnose/minimize.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/did_you_mean.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "diagnose/internal/part_search.hpp"
#include "diagnose/internal/part_trials.hpp"
#include "replay/selected_log.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::diagnose {

namespace {

class Minimizer {
  public:
    Minimizer(const MinimizeOptions& options, const std::string& best_log, const MinimizeObserver& observer)
        : options_(options), best_log_(best_log), kinds_(options.run.rounds.replay), trials_(options, kinds_, observer) {
        const auto& names = kinds_.names();
        for (const std::string& name : options.without)
            if (std::find(names.begin(), names.end(), name) == names.end())
                throw Error(ErrorKind::usage, "--without",
                            "no requests of the kind '" + printable(name) + "' in the log" + did_you_mean_text(name, names),
                            "method and path, with * for identifiers, as in " + printable(names.front()));
        for (std::size_t kind = 0; kind < names.size(); ++kind)
            if (std::find(options.without.begin(), options.without.end(), names[kind]) == options.without.end())
                start_.kinds.push_back(kind);
        if (start_.kinds.empty()) throw Error(ErrorKind::usage, "--without", "no requests are left");
    }

    Minimized run() {
        part_ = start_;
        if (!options_.without.empty()) result_.notes.push_back("excluded by --without: " + join(options_.without));
        trials_.expect(expected_tests(part_.kinds.size()) + for_values());
        if (const auto leak = diagnose_whole()) {
            result_.unit = leak->unit();
            if (leak->by_time_alone()) {
                result_.by_time = result_.complete = true;
                part_ = {};
            } else {
                if (!leak->other_leaks().empty())
                    result_.notes.push_back(
                        fmt::format("{} leak as well, but the search looked only for the memory leak", leak->other_leaks()));
                trials_.look_for(*leak);
                keep(part_);
                search();
                diagnose_part(*leak);
            }
        }
        result_.text = result_.by_time ? "" : kinds_.text(part_);
        result_.trials = trials_.take_trials();
        describe_kinds();
        return std::move(result_);
    }

  private:
    static std::string join(const std::vector<std::string>& names) {
        std::string all;
        for (const std::string& name : names) all += (all.empty() ? "" : ", ") + printable(name);
        return all;
    }

    int for_values() const { return options_.values ? 4 : 0; }
    std::uint64_t requests_in_log() const {
        return std::accumulate(start_.kinds.begin(), start_.kinds.end(), std::uint64_t{0},
                               [this](std::uint64_t sum, std::size_t kind) { return sum + kinds_.counts()[kind]; });
    }

    // How the leak of the whole log is recognized; nothing if it does not leak, or after an interruption.
    std::optional<LeakSignature> diagnose_whole() {
        std::optional<TemporaryDirectory> scratch;
        replay::ReplayOptions traffic = options_.run.rounds.replay;
        if (!options_.without.empty()) {
            const std::string log = scratch.emplace().path() + "/log.jsonl";
            kinds_.write(start_, log);
            traffic = replay::for_selected(traffic, {log});
        }
        std::optional<Diagnosis> whole =
            trials_.diagnose(part_, requests_in_log(), std::move(traffic), options_.run.traffic_name, PartTrials::Endpoints::measured);
        if (!whole) return std::nullopt;
        result_.verdict = whole->verdict;
        std::optional<LeakSignature> leak;
        if (whole->verdict == Verdict::leak) leak.emplace(*whole);
        result_.diagnosis = *std::move(whole);
        result_.diagnosed = Minimized::Diagnosed::log;
        return leak;
    }

    void search() {
        const PartTests tests{[this](const Part& part) { return trials_.ask(part); },
                              [this](const Part& part) { return trials_.confirm(part); }, [this](const Part& part) { keep(part); },
                              [this](int more) { trials_.expect(more + for_values()); }};
        FoundPart found = search_part(kinds_, part_, options_.values ? SearchDepth::values : SearchDepth::kinds, tests);
        result_.complete = found.complete && ask_rest();
        for (std::string& note : found.notes) result_.notes.push_back(std::move(note));
        report_smaller_leaks();
        if (trials_.exhausted())
            result_.notes.push_back(fmt::format("stopped after {} runs (--max-runs): a smaller part may also leak", options_.most_trials));
    }

    // Whether kinds outside of the part leak as well. False where that could not be asked.
    bool ask_rest() {
        Part rest;
        for (const std::size_t kind : start_.kinds)
            if (!std::binary_search(part_.kinds.begin(), part_.kinds.end(), kind)) rest.kinds.push_back(kind);
        if (rest.kinds.empty()) return true;
        trials_.expect(0);
        const TestResult answer = trials_.test_for_any_leak(rest);
        if (answer == TestResult::stop) return false;
        result_.rest = answer == TestResult::fail ? Verdict::leak : answer == TestResult::pass ? Verdict::no_leak : Verdict::inconclusive;
        return true;
    }

    // Of the parts that leak by much less than the whole log, and hold no request of the smallest part: the one that leaks
    // most.
    void report_smaller_leaks() {
        std::optional<std::size_t> largest;
        const std::vector<Minimized::Trial>& trials = trials_.trials();
        for (std::size_t i = 0; i < trials.size(); ++i) {
            if (!trials[i].smaller_leak || have_kinds_in_common(trials_.part(i), part_)) continue;
            if (!largest || *trials[i].rate > *trials[*largest].rate) largest = i;
        }
        if (largest)
            result_.notes.push_back(fmt::format("{} leaks as well, by {}: another, smaller leak", trials[*largest].part,
                                                leak_rate_text(*trials[*largest].rate, result_.unit)));
    }

    static bool have_kinds_in_common(const Part& one, const Part& other) {
        return std::any_of(one.kinds.begin(), one.kinds.end(),
                           [&](std::size_t kind) { return std::binary_search(other.kinds.begin(), other.kinds.end(), kind); });
    }

    // The smallest part as a log of its own: what it takes to see the leak again, and its line.
    void diagnose_part(const LeakSignature& whole) {
        if (options_.run.stop().stop_requested() || is_whole(part_)) return;
        const TemporaryDirectory scratch;
        const std::string log = scratch.path() + "/part.jsonl";
        kinds_.write(part_, log);
        std::optional<Diagnosis> part;
        trials_.expect(0);
        try {
            part = trials_.diagnose(
                part_, result_.requests, replay::for_selected(options_.run.rounds.replay, {log}),
                "the smallest part of " + result_.diagnosis.traffic,
                whole.kind() == LeakSignature::Kind::connections ? PartTrials::Endpoints::measured : PartTrials::Endpoints::left_out);
        } catch (const Error& error) {
            if (!options_.run.stop().stop_requested()) result_.notes.push_back(fmt::format("the final diagnosis failed: {}", error.what()));
        }
        if (!part) return;
        if (part->verdict != Verdict::leak)
            result_.notes.push_back(
                fmt::format("the final diagnosis of the part has a different verdict: {}", trials_.trials().back().reason));
        else
            report_reduced_leak(LeakSignature(*part), whole);
        result_.diagnosis = *std::move(part);
        result_.diagnosed = Minimized::Diagnosed::part;
    }

    void report_reduced_leak(const LeakSignature& part, const LeakSignature& whole) {
        if (part.unit() != LeakUnit::bytes_per_request || whole.unit() != LeakUnit::bytes_per_request) return;
        const Interval &of_part = part.rate(), &of_whole = whole.rate();
        const auto in_part = static_cast<double>(result_.requests), in_whole = static_cast<double>(requests_in_log());
        if (of_whole.high <= 0 || of_part.low * in_part < 2 * of_whole.high * in_whole) return;
        result_.notes.push_back(fmt::format(
            "each pass over the part retains {}, and each pass over the whole log {}: some excluded requests reduce the leak, for example a DELETE that frees what a POST allocates",
            format_bytes(of_part.estimate * in_part), format_bytes(of_whole.estimate * in_whole)));
    }

    bool is_whole(const Part& part) const {
        return part.kinds.size() == start_.kinds.size() && part.conditions.empty() && part.dropped.empty();
    }

    void keep(const Part& part) {
        part_ = part;
        result_.requests = best_log_.empty() ? kinds_.count(part) : kinds_.write(part, best_log_).requests;
    }

    // Kinds and conditions by name, for the result.
    void describe_kinds() {
        for (std::size_t kind = 0; kind < kinds_.names().size(); ++kind)
            result_.log.push_back({kinds_.names()[kind], kinds_.counts()[kind]});
        for (const std::size_t kind : part_.kinds) {
            Minimized::PartKind& described = result_.part.emplace_back();
            described.kind = result_.log[kind];
            for (const Part::Condition& condition : part_.conditions)
                if (condition.kind == kind) described.conditions.push_back({condition.facet, condition.values});
            if (const auto dropped = part_.dropped.find(kind); dropped != part_.dropped.end()) described.without = dropped->second;
        }
    }

    const MinimizeOptions& options_;
    const std::string best_log_;
    const RequestKinds kinds_;
    PartTrials trials_;
    Part start_;  // the log, or what is left of it
    Part part_;   // the smallest that leaks, so far
    Minimized result_;
};

}  // namespace

Minimized minimize(const MinimizeOptions& options, const std::string& best_log, const MinimizeObserver& observer) {
    MinimizeOptions planned = options;  // identifiers are those of the whole log, which the parts are too small to show
    plan_fresh_identifiers(planned.run.rounds);
    return Minimizer(planned, best_log, observer).run();
}

}  // namespace leakline::diagnose
