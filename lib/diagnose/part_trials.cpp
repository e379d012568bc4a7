#include "diagnose/internal/part_trials.hpp"

#include <algorithm>

#include "analysis/verdict/verdict.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/stage_progress.hpp"
#include "diagnose/internal/run_context.hpp"
#include "replay/selected_log.hpp"
#include "system/clock.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::diagnose {

namespace {

// Of a part that is looked at for a leak per connection: few, so that it shows beside what requests leave behind.
constexpr int kRequestsPerConnection = 4;

TestResult answer_of(Verdict verdict) {
    return verdict == Verdict::leak ? TestResult::fail : verdict == Verdict::no_leak ? TestResult::pass : TestResult::unresolved;
}

}  // namespace

Minimized::Trial PartTrials::begin(const Part& part) {
    Minimized::Trial trial;
    trial.part = kinds_.text(part);
    trial.kinds = part.kinds.size();
    if (observer_.begin) observer_.begin(static_cast<int>(trials_.size()) + 1, std::max(more_, kAtEnd - 1), trial.part);
    --more_;
    return trial;
}

void PartTrials::end(const Minimized::Trial& trial, const Part& part) {
    trials_.push_back(trial);
    parts_.push_back(part);
    if (observer_.end) observer_.end(trial);
}

std::optional<Diagnosis> PartTrials::diagnose(const Part& part, std::uint64_t requests, replay::ReplayOptions traffic,
                                              const std::string& name, Endpoints endpoints) {
    Minimized::Trial trial = begin(part);
    Options run = options_.run;
    run.policy.filling_is_leak = true;  // that it leaks was asked of the whole log
    if (options_.repeats == 0) run.retries = 0;
    run.rounds.replay = std::move(traffic);
    run.traffic_name = name;
    run.per_kind = endpoints == Endpoints::measured;
    Observer observer;
    StageProgress progress;
    if (observer_.progress) {
        observer.stage = [&](const std::string&, double share) { progress.begin(share); };
        observer.progress = [&](double fraction, const std::string& text) { observer_.progress(progress.at(fraction), text); };
    }
    const Nanoseconds began = system_clock().monotonic();
    Diagnosis diagnosis = diagnose::diagnose(run, observer);
    if (options_.run.stop().stop_requested()) return std::nullopt;
    if (!leak_) followed_ = diagnosis.followed;
    trial.requests = requests;
    trial.sent = diagnosis.replay.sent;
    trial.verdict = diagnosis.verdict;
    trial.reason = diagnosis.reasons.empty() ? "" : diagnosis.reasons.front();
    if (diagnosis.verdict == Verdict::leak) trial.rate = LeakSignature(diagnosis).rate().estimate;
    trial.seconds = to_seconds(system_clock().monotonic() - began);
    end(trial, part);
    return diagnosis;
}

TestResult PartTrials::ask(const Part& part) {
    const std::string key = kinds_.text(part);
    if (const auto found = answers_.find(key); found != answers_.end()) return found->second;
    const TestResult answer = run_until_clear(part, LeakSignature::Size::as_large);
    if (answer != TestResult::stop) answers_[key] = answer;
    return answer;
}

TestResult PartTrials::confirm(const Part& part) {
    TestResult answer = ask(part);
    if (answer != TestResult::fail || leak_->exact()) return answer;
    const std::string key = kinds_.text(part);
    if (const auto found = confirmed_.find(key); found != confirmed_.end()) return found->second;
    answer = run_until_clear(part, LeakSignature::Size::as_large);
    if (answer == TestResult::stop) return answer;
    return confirmed_[key] = answer == TestResult::fail ? TestResult::fail : TestResult::unresolved;
}

TestResult PartTrials::run_until_clear(const Part& part, LeakSignature::Size size) {
    int rounds = options_.run.rounds.rounds;
    for (int repeat = 0; repeat <= options_.repeats; ++repeat, rounds *= 2) {
        if (options_.run.stop().stop_requested()) return TestResult::stop;
        if (static_cast<int>(trials_.size()) >= options_.most_trials) {
            exhausted_ = true;
            return TestResult::stop;
        }
        const std::optional<Verdict> verdict = run(part, rounds, size);
        if (!verdict) return TestResult::stop;
        // Only time makes a run clearer; a service that does not answer will not do so in a longer one.
        if (*verdict != Verdict::inconclusive) return answer_of(*verdict);
    }
    return TestResult::unresolved;
}

// One run; nothing where it was interrupted.
std::optional<Verdict> PartTrials::run(const Part& part, int rounds, LeakSignature::Size size) {
    Minimized::Trial trial = begin(part);
    const TemporaryDirectory scratch;
    Options run = options_.run;
    const std::string log = scratch.path() + "/part.jsonl";
    run.rounds.replay = replay::for_selected(run.rounds.replay, {log});
    run.rounds.rounds = rounds;
    run.per_kind = false;
    run.holders = false;
    run.idle = leak_->partly_by_time();
    if (int& requests = run.rounds.replay.requests_per_connection; leak_->kind() == LeakSignature::Kind::connections && requests == 0)
        requests = kRequestsPerConnection;
    const replay::LogSpan span = kinds_.write(part, log);
    trial.requests = span.requests;
    const Nanoseconds began = system_clock().monotonic();
    try {
        measure(run, span, size, trial);
    } catch (const Error& error) {
        trial.verdict = Verdict::invalid;
        trial.reason = error.what();
    }
    if (options_.run.stop().stop_requested()) return std::nullopt;
    trial.seconds = to_seconds(system_clock().monotonic() - began);
    end(trial, part);
    return trial.verdict;
}

void PartTrials::measure(const Options& run, const replay::LogSpan& span, LeakSignature::Size size, Minimized::Trial& trial) const {
    Diagnosis diagnosis;
    diagnosis.max_growth = run.max_growth;
    diagnosis.requests_per_second = span.rate();
    Observer observer;
    observer.progress = observer_.progress;
    RunContext context(run, observer, diagnosis);
    context.follow = followed_;
    if (leak_->by_lines())
        run_recorded(context, run.rounds.rounds);
    else
        run_bare(context);
    const ReplayStats& stats = leak_->by_lines() ? context.recorded_replay : diagnosis.replay;
    trial.sent = stats.sent;
    const LeakSignature::Judgment seen = leak_->judge(diagnosis, stats, size);
    trial.verdict = seen.verdict;
    trial.reason = seen.reason;
    trial.smaller_leak = seen.smaller;
    if (seen.rate) trial.rate = seen.rate->estimate;
    // A part of a log may well be answered with errors only (a session without its login). It can leak all the same;
    // but that it does not says nothing.
    const auto fault = diagnosis.oom_kill ? std::nullopt : analysis::traffic_fault(stats);
    const bool exited = diagnosis.failed() && (!fault || stats.completed == 0);
    if (!exited && (!fault || seen.verdict == Verdict::leak)) return;
    trial.verdict = Verdict::invalid;
    trial.smaller_leak = false;
    trial.reason = exited ? diagnosis.failures.front() : *fault;
}

}  // namespace leakline::diagnose
