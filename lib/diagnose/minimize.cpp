#include "diagnose/minimize.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "analysis/verdict.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "diagnose/delta_debugging.hpp"
#include "diagnose/run_context.hpp"

namespace leakline::diagnose {

namespace {

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
        const Answer whole = ask(result_.part);
        if (whole == Answer::faulty) {
            result_.verdict = Verdict::leak;
            keep(result_.part);
            result_.complete = reduce_kinds() && (!options_.values || reduce_values()) && ask_rest();
        } else if (!result_.trials.empty()) {
            result_.verdict = result_.trials.back().verdict;
        }
        result_.text = kinds_.text(result_.part);
        return std::move(result_);
    }

  private:
    static replay::LogOptions reading(const MinimizeOptions& options) {
        replay::LogOptions log;
        log.max_bad_lines = options.run.rounds.max_bad_lines;
        return log;
    }

    // False where it was stopped.
    bool reduce_kinds() {
        const Minimum minimum = minimise(result_.part.kinds, [this](const std::vector<std::size_t>& kinds) {
            Part part;
            part.kinds = kinds;
            return ask_and_keep(part);
        });
        if (minimum.doubtful)
            result_.notes.push_back("some smaller parts gave no clear answer: not all of these kinds need be needed; more --rounds may tell");
        return !minimum.stopped;
    }

    // A value is only taken for a cause where the requests without it do not leak: one of two halves that both leak
    // would be no less than the whole.
    bool reduce_values() {
        for (const Facet& facet : kinds_.facets(result_.part.kinds)) {
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

    // Whether kinds outside of the part leak as well.
    bool ask_rest() {
        Part rest;
        for (std::size_t kind = 0; kind < kinds_.names().size(); ++kind)
            if (!std::binary_search(result_.part.kinds.begin(), result_.part.kinds.end(), kind)) rest.kinds.push_back(kind);
        if (rest.kinds.empty()) return true;
        const Answer answer = ask(rest);
        if (answer == Answer::stop) return false;
        result_.rest = answer == Answer::faulty  ? Verdict::leak
                       : answer == Answer::sound ? Verdict::no_leak
                                                 : Verdict::inconclusive;
        return true;
    }

    // A part that leaks is run a second time before it takes the place of the larger one.
    Answer ask_and_keep(const Part& part) {
        Answer answer = ask(part);
        if (answer != Answer::faulty) return answer;
        if (const auto confirmed = confirmed_.find(kinds_.text(part)); confirmed != confirmed_.end()) return confirmed->second;
        answer = run_until_clear(part);
        if (answer == Answer::stop) return answer;
        if (answer != Answer::faulty) answer = Answer::unknown;
        confirmed_[kinds_.text(part)] = answer;
        if (answer == Answer::faulty) keep(part);
        return answer;
    }

    Answer ask(const Part& part) {
        const std::string key = kinds_.text(part);
        if (const auto found = asked_.find(key); found != asked_.end()) return found->second;
        const Answer answer = run_until_clear(part);
        if (answer != Answer::stop) asked_[key] = answer;
        return answer;
    }

    Answer run_until_clear(const Part& part) {
        Answer answer = Answer::unknown;
        int rounds = options_.run.rounds.rounds;
        for (int repeat = 0; repeat <= options_.repeats && answer == Answer::unknown; ++repeat, rounds *= 2) {
            if (interruption::received() != 0) return Answer::stop;
            if (static_cast<int>(result_.trials.size()) >= options_.most_trials) {
                if (!exhausted_)
                    result_.notes.push_back(fmt::format("ended after {} runs (--max-runs): a smaller part may leak", options_.most_trials));
                exhausted_ = true;
                return Answer::stop;
            }
            const std::optional<Verdict> verdict = try_part(part, rounds);
            if (!verdict) return Answer::stop;
            answer = answer_of(*verdict);
        }
        return answer;
    }

    // One run; nothing where it was interrupted.
    std::optional<Verdict> try_part(const Part& part, int rounds) {
        Trial trial;
        trial.part = kinds_.text(part);
        trial.kinds = part.kinds.size();
        if (observer_.begin) observer_.begin(static_cast<int>(result_.trials.size()) + 1, trial.part);
        const TemporaryDirectory scratch;
        Options run = options_.run;
        run.rounds.traffic = {scratch.path() + "/part.jsonl"};
        run.rounds.rounds = rounds;
        trial.requests = kinds_.write(part, run.rounds.traffic[0]);
        const Nanoseconds begin = system_clock().monotonic();
        try {
            measure(run, trial);
        } catch (const Error& error) {
            if (interruption::received() != 0) return std::nullopt;
            if (result_.trials.empty()) throw;  // it never ran: an error and no answer
            trial.verdict = Verdict::invalid;
            trial.reason = error.what();
        }
        if (interruption::received() != 0) return std::nullopt;
        trial.seconds = to_seconds(system_clock().monotonic() - begin);
        result_.trials.push_back(trial);
        if (observer_.end) observer_.end(trial);
        return trial.verdict;
    }

    void measure(const Options& run, Trial& trial) const {
        Diagnosis diagnosis;
        diagnosis.max_growth = run.max_growth;
        diagnosis.requests_per_second = replay::measure_log(run.rounds.traffic).rate();
        Observer observer;
        observer.progress = observer_.progress;
        RunContext context(run, observer, diagnosis);
        run_bare(context);
        trial.sent = diagnosis.replay.sent;
        const TrendVerdict& trend = diagnosis.trend;
        if (trend.verdict == Trend::growing && trend.bytes_per_request)
            trial.bytes_per_request = trend.bytes_per_request->estimate;
        const std::string seen = trend.reasons.empty() ? std::string() : trend.reasons.front();
        // A part of a log may well be answered with errors only (a session without its login). It can leak all the same;
        // but that it does not says nothing.
        const bool answered = diagnosis.replay.completed > 0 && diagnosis.verdict != Verdict::invalid;
        const bool landed = diagnosis.oom_kill || !analysis::landing_fault(diagnosis.replay);
        if (answered && !landed && !run.max_growth && trend.verdict == Trend::growing) {
            trial.verdict = Verdict::leak;
            trial.reason = seen;
            return;
        }
        analysis::conclude(diagnosis);
        trial.verdict = diagnosis.verdict;
        const bool own_words = diagnosis.verdict == Verdict::invalid || run.max_growth || diagnosis.oom_kill;
        trial.reason = own_words && !diagnosis.reasons.empty() ? diagnosis.reasons.front() : seen;
    }

    void keep(const Part& part) {
        result_.part = part;
        if (!best_log_.empty()) {
            result_.requests = kinds_.write(part, best_log_);
            return;
        }
        result_.requests = result_.trials.back().requests;
    }

    const MinimizeOptions& options_;
    const std::string best_log_;
    const MinimizeObserver& observer_;
    const RequestKinds kinds_;
    Minimized result_;
    std::map<std::string, Answer> asked_, confirmed_;  // by the part in words, which tells parts apart
    bool exhausted_ = false;
};

}  // namespace

Minimized minimize(const MinimizeOptions& options, const std::string& best_log, const MinimizeObserver& observer) {
    return Search(options, best_log, observer).run();
}

}  // namespace leakline::diagnose
