#include "diagnose/minimize.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <numeric>

#include "analysis/verdict.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "diagnose/delta_debugging.hpp"
#include "diagnose/leak_witness.hpp"
#include "diagnose/run_context.hpp"

namespace leakline::diagnose {

namespace {

using Size = LeakWitness::Size;

Answer answer_of(Verdict verdict) {
    return verdict == Verdict::leak ? Answer::faulty : verdict == Verdict::no_leak ? Answer::sound : Answer::unknown;
}

class Search {
  public:
    Search(const MinimizeOptions& options, const std::string& best_log, const MinimizeObserver& observer)
        : options_(options), best_log_(best_log), observer_(observer), kinds_(options.run.rounds.traffic, reading(options)) {}

    Minimized run() {
        result_.kinds = kinds_.names();
        result_.counts = kinds_.counts();
        for (std::size_t kind = 0; kind < kinds_.names().size(); ++kind) result_.part.kinds.push_back(kind);
        more_ = for_kinds(result_.part.kinds.size()) + (options_.values ? kForValues : 0) + kForEnd;
        diagnose_whole();
        if (result_.verdict == Verdict::leak) {
            keep(result_.part);
            result_.complete = reduce_kinds() && (!options_.values || (reduce_values() && reduce_fields())) && ask_rest();
            diagnose_part();
        }
        result_.text = kinds_.text(result_.part);
        return std::move(result_);
    }

  private:
    // Runs that a phase may take: only for saying how long it may last.
    static constexpr int kForValues = 4, kForEnd = 2;
    static int for_kinds(std::size_t kinds) { return 2 * static_cast<int>(std::bit_width(std::max<std::size_t>(kinds, 1) - 1)); }

    static replay::LogOptions reading(const MinimizeOptions& options) {
        replay::LogOptions log;
        log.max_bad_lines = options.run.rounds.max_bad_lines;
        return log;
    }

    void begin(const std::string& part) {
        if (observer_.begin) observer_.begin(static_cast<int>(result_.trials.size()) + 1, std::max(more_, kForEnd - 1), part);
        --more_;
    }

    void end(const Trial& trial) {
        result_.trials.push_back(trial);
        if (observer_.end) observer_.end(trial);
    }

    // A whole diagnosis, bare and recorded; nothing where it was interrupted.
    std::optional<Diagnosis> diagnose_log(const Part& part, std::vector<std::string> logs, const std::string& name) {
        Trial trial;
        trial.part = kinds_.text(part);
        trial.kinds = part.kinds.size();
        begin(trial.part);
        Options run = options_.run;
        run.rounds.traffic = std::move(logs);
        run.traffic_name = name;
        Observer observer;
        observer.progress = observer_.progress;
        const Nanoseconds began = system_clock().monotonic();
        Diagnosis diagnosis = diagnose(run, observer);
        if (interruption::received() != 0) return std::nullopt;
        trial.requests = requests_;
        trial.sent = diagnosis.replay.sent;
        trial.verdict = diagnosis.verdict;
        trial.reason = diagnosis.reasons.empty() ? "" : diagnosis.reasons.front();
        if (diagnosis.verdict == Verdict::leak) trial.bytes_per_request = LeakWitness(diagnosis).bytes_per_request().estimate;
        trial.seconds = to_seconds(system_clock().monotonic() - began);
        end(trial);
        return diagnosis;
    }

    void diagnose_whole() {
        requests_ = std::accumulate(result_.counts.begin(), result_.counts.end(), std::uint64_t{0});
        std::optional<Diagnosis> whole = diagnose_log(result_.part, options_.run.rounds.traffic, options_.run.traffic_name);
        if (!whole) return;
        result_.verdict = whole->verdict;
        if (whole->verdict == Verdict::leak) witness_.emplace(*whole);
        result_.diagnosis = std::move(whole);
    }

    // The smallest part as a log of its own: what it takes to see the leak again, and its line.
    void diagnose_part() {
        if (interruption::received() != 0 || is_whole(result_.part)) return;
        const TemporaryDirectory scratch;
        const std::string log = scratch.path() + "/part.jsonl";
        requests_ = kinds_.write(result_.part, log).requests;
        std::optional<Diagnosis> part;
        more_ = 0;
        try {
            part = diagnose_log(result_.part, {log}, "the smallest part of " + result_.diagnosis->traffic);
        } catch (const Error& error) {
            if (interruption::received() == 0) result_.notes.push_back(fmt::format("diagnosed again at the end: {}", error.what()));
        }
        if (!part) return;
        if (part->verdict != Verdict::leak)
            result_.notes.push_back(fmt::format("diagnosed again at the end, the part gave another answer: {}",
                                                result_.trials.back().reason));
        else
            tell_what_held_it_down(LeakWitness(*part).bytes_per_request());
        result_.diagnosis = std::move(part);
        result_.part_diagnosed = true;
    }

    void tell_what_held_it_down(const Interval& part) {
        const std::uint64_t all = std::accumulate(result_.counts.begin(), result_.counts.end(), std::uint64_t{0});
        const double by_part = part.low * static_cast<double>(requests_);
        const double by_whole = witness_->bytes_per_request().high * static_cast<double>(all);
        if (by_whole <= 0 || by_part < 2 * by_whole) return;
        result_.notes.push_back(fmt::format("each time that it is sent the part leaves {} behind, and the whole log {}: what "
                                            "was left out holds the leak down, as a DELETE does that frees what a POST leaks",
                                            format_bytes(part.estimate * static_cast<double>(requests_)),
                                            format_bytes(witness_->bytes_per_request().estimate * static_cast<double>(all))));
    }

    bool is_whole(const Part& part) const {
        return part.kinds.size() == kinds_.names().size() && part.conditions.empty() && part.dropped.empty();
    }

    // False where it was stopped.
    bool reduce_kinds() {
        const Minimum minimum = minimise(result_.part.kinds, [this](const std::vector<std::size_t>& kinds) {
            Part part;
            part.kinds = kinds;
            more_ = std::max(more_, for_kinds(kinds.size()) + (options_.values ? kForValues : 0) + kForEnd);
            return ask_and_keep(part);
        });
        if (minimum.doubtful)
            result_.notes.push_back("some smaller parts gave no clear answer: not all of these kinds need be needed; more --rounds may tell");
        return !minimum.stopped;
    }

    // A value is only taken for a cause where the requests without it do not leak: one of two halves that both leak
    // would be no less than the whole.
    bool reduce_values() {
        const std::vector<Facet> facets = kinds_.facets(result_.part.kinds);
        more_ = 2 * static_cast<int>(facets.size()) + kForEnd;
        for (const Facet& facet : facets) {
            std::vector<std::string> values;
            for (const auto& [value, count] : facet.values) values.push_back(value);
            while (values.size() >= 2) {
                const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
                const std::vector<std::string> low(values.begin(), middle), high(middle, values.end());
                const Part with_low = narrowed(facet, low), with_high = narrowed(facet, high);
                const Answer first = ask(with_low);
                if (first == Answer::stop) return false;
                if (first == Answer::unknown) break;
                const Answer second = ask(with_high);
                if (second == Answer::stop) return false;
                if (second == Answer::unknown || first == second) break;
                const Answer kept = ask_and_keep(first == Answer::faulty ? with_low : with_high);
                if (kept == Answer::stop) return false;
                if (kept != Answer::faulty) break;
                values = first == Answer::faulty ? low : high;
            }
        }
        return true;
    }

    Part narrowed(const Facet& facet, const std::vector<std::string>& values) const {
        Part part = result_.part;
        std::erase_if(part.conditions, [&](const Part::Condition& condition) {
            return condition.kind == facet.kind && condition.facet == facet.name;
        });
        part.conditions.push_back({facet.kind, facet.name, {values.begin(), values.end()}});
        return part;
    }

    // Fields of JSON bodies that the leak does not need: all of a kind's at once, else by delta debugging.
    bool reduce_fields() {
        const auto fields = kinds_.fields(result_.part.kinds);
        more_ = kForEnd;
        for (const auto& [kind, names] : fields) more_ += 1 + for_kinds(names.size());
        for (const auto& [kind, names] : fields) {
            std::vector<std::size_t> all(names.size());
            std::iota(all.begin(), all.end(), std::size_t{0});
            const auto with = [&, kind = kind, &names = names](const std::vector<std::size_t>& kept) {
                Part part = result_.part;
                std::set<std::string>& dropped = part.dropped[kind];
                dropped = {names.begin(), names.end()};
                for (const std::size_t field : kept) dropped.erase(names[field]);
                if (dropped.empty()) part.dropped.erase(kind);
                return ask_and_keep(part);
            };
            const Answer none = with({});
            if (none == Answer::stop) return false;
            if (none == Answer::faulty) continue;
            if (minimise(all, with).stopped) return false;
        }
        return true;
    }

    // Whether kinds outside of the part leak as well.
    bool ask_rest() {
        Part rest;
        for (std::size_t kind = 0; kind < kinds_.names().size(); ++kind)
            if (!std::binary_search(result_.part.kinds.begin(), result_.part.kinds.end(), kind)) rest.kinds.push_back(kind);
        if (rest.kinds.empty()) return true;
        more_ = kForEnd;
        const Answer answer = run_until_clear(rest, Size::any);
        if (answer == Answer::stop) return false;
        result_.rest = answer == Answer::faulty  ? Verdict::leak
                       : answer == Answer::sound ? Verdict::no_leak
                                                 : Verdict::inconclusive;
        return true;
    }

    // Takes the part for the smallest where it leaks; without lines to tell it by, where it leaks a second time too.
    Answer ask_and_keep(const Part& part) {
        Answer answer = ask(part);
        if (answer != Answer::faulty) return answer;
        if (const auto confirmed = confirmed_.find(kinds_.text(part)); confirmed != confirmed_.end()) return confirmed->second;
        if (!witness_->by_lines()) answer = run_until_clear(part, Size::as_large);
        if (answer == Answer::stop) return answer;
        if (answer != Answer::faulty) answer = Answer::unknown;
        confirmed_[kinds_.text(part)] = answer;
        if (answer == Answer::faulty) keep(part);
        return answer;
    }

    Answer ask(const Part& part) {
        const std::string key = kinds_.text(part);
        if (const auto found = asked_.find(key); found != asked_.end()) return found->second;
        const Answer answer = run_until_clear(part, Size::as_large);
        if (answer != Answer::stop) asked_[key] = answer;
        return answer;
    }

    Answer run_until_clear(const Part& part, Size size) {
        int rounds = options_.run.rounds.rounds;
        for (int repeat = 0; repeat <= options_.repeats; ++repeat, rounds *= 2) {
            if (interruption::received() != 0) return Answer::stop;
            if (static_cast<int>(result_.trials.size()) >= options_.most_trials) {
                if (!exhausted_)
                    result_.notes.push_back(fmt::format("ended after {} runs (--max-runs): a smaller part may leak", options_.most_trials));
                exhausted_ = true;
                return Answer::stop;
            }
            const std::optional<Verdict> verdict = try_part(part, rounds, size);
            if (!verdict) return Answer::stop;
            // Only time makes a run clearer; a service that does not answer will not do so in a longer one.
            if (*verdict != Verdict::inconclusive) return answer_of(*verdict);
        }
        return Answer::unknown;
    }

    // One run; nothing where it was interrupted.
    std::optional<Verdict> try_part(const Part& part, int rounds, Size size) {
        Trial trial;
        trial.part = kinds_.text(part);
        trial.kinds = part.kinds.size();
        begin(trial.part);
        const TemporaryDirectory scratch;
        Options run = options_.run;
        run.rounds.traffic = {scratch.path() + "/part.jsonl"};
        run.rounds.rounds = rounds;
        run.per_kind = false;
        const replay::LogSpan span = kinds_.write(part, run.rounds.traffic[0]);
        trial.requests = requests_ = span.requests;
        const Nanoseconds began = system_clock().monotonic();
        try {
            measure(run, span, size, trial);
        } catch (const Error& error) {
            trial.verdict = Verdict::invalid;
            trial.reason = error.what();
        }
        if (interruption::received() != 0) return std::nullopt;
        trial.seconds = to_seconds(system_clock().monotonic() - began);
        end(trial);
        return trial.verdict;
    }

    void measure(const Options& run, const replay::LogSpan& span, Size size, Trial& trial) const {
        Diagnosis diagnosis;
        diagnosis.max_growth = run.max_growth;
        diagnosis.requests_per_second = span.rate();
        Observer observer;
        observer.progress = observer_.progress;
        RunContext context(run, observer, diagnosis);
        if (witness_->by_lines()) run_recorded(context, run.rounds.rounds);
        else run_bare(context);
        const ReplayStats& stats = witness_->by_lines() ? context.recorded_replay : diagnosis.replay;
        trial.sent = stats.sent;
        const LeakWitness::Judgement seen = witness_->judge(diagnosis, size);
        trial.verdict = seen.verdict;
        trial.reason = seen.reason;
        if (seen.bytes_per_request) trial.bytes_per_request = seen.bytes_per_request->estimate;
        // A part of a log may well be answered with errors only (a session without its login). It can leak all the same;
        // but that it does not says nothing.
        const auto fault = diagnosis.oom_kill ? std::nullopt : analysis::landing_fault(stats);
        const bool died = diagnosis.verdict == Verdict::invalid && (!fault || stats.completed == 0);
        if (!died && (!fault || seen.verdict == Verdict::leak)) return;
        trial.verdict = Verdict::invalid;
        trial.reason = died && !diagnosis.reasons.empty() ? diagnosis.reasons.front() : *fault;
    }

    void keep(const Part& part) {
        result_.part = part;
        result_.requests = best_log_.empty() ? requests_ : kinds_.write(part, best_log_).requests;
    }

    const MinimizeOptions& options_;
    const std::string best_log_;
    const MinimizeObserver& observer_;
    const RequestKinds kinds_;
    Minimized result_;
    std::optional<LeakWitness> witness_;               // of the whole log's leak
    std::map<std::string, Answer> asked_, confirmed_;  // by the part in words, which tells parts apart
    std::uint64_t requests_ = 0;                       // in the part that was run last
    int more_ = 0;                                     // runs that may follow, about
    bool exhausted_ = false;
};

}  // namespace

Minimized minimize(const MinimizeOptions& options, const std::string& best_log, const MinimizeObserver& observer) {
    return Search(options, best_log, observer).run();
}

}  // namespace leakline::diagnose
