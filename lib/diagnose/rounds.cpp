#include "diagnose/internal/rounds.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <stop_token>
#include <thread>

#include "system/clock.hpp"
#include "system/stop.hpp"

namespace leakline::diagnose {

namespace {

constexpr int kMaxPasses = 10'000;

// Calls a function every 50 ms in a thread of its own until it returns false or the object goes.
class Ticker {
  public:
    explicit Ticker(std::function<bool()> action)
        : thread_([action = std::move(action)](const std::stop_token& over) {
              while (sleep_for(over, std::chrono::milliseconds(50)) && action()) {
              }
          }) {}

  private:
    std::jthread thread_;
};

}  // namespace

void plan_fresh_identifiers(RoundPlan& plan) {
    if (plan.replay.fresh_plan || !plan.replay.fresh.any()) return;
    plan.replay.fresh_plan = std::make_shared<const replay::FreshPlan>(replay::plan_fresh(plan.replay));
}

RoundsResult run_rounds(const RoundPlan& plan, replay::Progress& progress, Nanoseconds origin, const RoundHooks& hooks) {
    Clock& clock = system_clock();
    RoundsResult result;
    const std::stop_token& stop = plan.replay.stop;
    std::stop_source target_gone;
    std::atomic<int> passes_a_round{plan.replay.pace.kind == replay::Pace::Kind::max ? 0 : 1};  // 0: not known yet
    std::atomic<int> passes_done{0}, round_number{1};
    int passes_in_round = 0, passes_required = 1;  // required: of the round before, so that rounds are alike
    bool round_over = false;
    std::uint64_t completed_before = 0, connections_before = 0;
    Nanoseconds round_begin = clock.monotonic();

    replay::ReplayOptions options = plan.replay;
    options.rounds = std::numeric_limits<int>::max();
    options.duration.reset();
    // A request that leaves late leaves as much behind: RunContext::warn_if_late says so, and the run stays valid.
    options.max_lag = Nanoseconds::max();
    options.progress = &progress;
    options.target_gone = target_gone.get_token();
    options.closes_after_round = [&](int) {
        ++passes_in_round;
        passes_done = passes_in_round;
        // A service that is still cold is slow: how often the log goes into a round is counted again in each, and only rises.
        const Nanoseconds elapsed = clock.monotonic() - round_begin;
        const bool at_max = plan.replay.pace.kind == replay::Pace::Kind::max;
        if (at_max) {
            const double pass = std::max(1e-4, to_seconds(elapsed)) / passes_in_round;
            const int expected = std::clamp(static_cast<int>(std::ceil(to_seconds(plan.minimum_round) / pass)), 1, kMaxPasses);
            passes_a_round = std::max(passes_required, expected);
        }
        const bool too_short = at_max && elapsed < plan.minimum_round && passes_in_round < kMaxPasses;
        round_over = !too_short && passes_in_round >= passes_required;
        if (round_over) passes_a_round = passes_required = passes_in_round;
        return round_over;
    };
    options.after_round = [&](int) {
        if (!round_over) return true;
        Round round;
        round.answered_s = to_seconds(clock.monotonic() - origin);
        if (!sleep_for(stop, plan.quiet / 2)) return false;
        if (hooks.idle_mark) hooks.idle_mark();
        if (!sleep_for(stop, plan.quiet - plan.quiet / 2)) return false;
        round.begin_s = to_seconds(round_begin - origin);
        round.end_s = to_seconds(clock.monotonic() - origin);
        round.requests = progress.completed - completed_before;
        round.connections = progress.connections - connections_before;
        result.rounds.push_back(round);
        const int number = static_cast<int>(result.rounds.size());
        if (hooks.quiet_mark) hooks.quiet_mark(round, number);
        if (target_gone.stop_requested() || stop.stop_requested()) return false;
        if (number % plan.rounds == 0 && (!hooks.enough || hooks.enough())) return false;
        completed_before = progress.completed;
        connections_before = progress.connections;
        passes_in_round = 0;
        passes_done = 0;
        round_number = number + 1;
        round_begin = clock.monotonic();
        return true;
    };

    const Ticker ticker([&] {
        const int passes = passes_a_round;
        const double fraction = passes > 0 ? static_cast<double>(passes_done) / passes : 0;
        if (hooks.tick && !hooks.tick(progress.completed, round_number, fraction)) target_gone.request_stop();
        return !target_gone.stop_requested();
    });
    result.stats = replay::run(options);
    result.stopped = target_gone.stop_requested() || stop.stop_requested();
    return result;
}

}  // namespace leakline::diagnose
