#include "diagnose/rounds.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <thread>

#include "base/clock.hpp"

namespace leakline::diagnose {

namespace {

constexpr int kMostPasses = 10'000;

// Calls a function every 50 ms in a thread of its own until it returns false or the object goes.
class Ticker {
  public:
    explicit Ticker(std::function<bool()> action)
        : thread_([this, action = std::move(action)] {
              std::unique_lock lock(mutex_);
              while (!wake_.wait_for(lock, std::chrono::milliseconds(50), [this] { return done_; })) {
                  lock.unlock();
                  const bool go_on = action();
                  lock.lock();
                  if (!go_on) return;
              }
          }) {}
    ~Ticker() {
        {
            const std::lock_guard lock(mutex_);
            done_ = true;
        }
        wake_.notify_all();
        thread_.join();
    }
    Ticker(const Ticker&) = delete;
    Ticker& operator=(const Ticker&) = delete;

  private:
    std::mutex mutex_;  // guards done_
    std::condition_variable wake_;
    bool done_ = false;
    std::thread thread_;  // last: starts when the rest is there
};

}  // namespace

void plan_fresh_identifiers(RoundPlan& plan) {
    if (plan.replay.fresh_plan || !plan.replay.fresh.any()) return;
    plan.replay.fresh_plan = std::make_shared<const replay::FreshPlan>(replay::plan_fresh(plan.replay));
}

RoundsResult run_rounds(const RoundPlan& plan, replay::Progress& progress, Nanoseconds origin, const RoundHooks& hooks) {
    Clock& clock = system_clock();
    RoundsResult result;
    std::atomic<bool> stop{false};
    std::atomic<int> passes_a_round{plan.replay.pace.kind == replay::Pace::Kind::max ? 0 : 1};  // 0: not known yet
    std::atomic<int> passes_done{0}, round_number{1};
    int passes_in_round = 0;
    std::uint64_t completed_before = 0, connections_before = 0;
    Nanoseconds round_begin = clock.monotonic();

    replay::ReplayOptions options = plan.replay;
    options.rounds = std::numeric_limits<int>::max();
    options.duration.reset();
    // A request that leaves late leaves as much behind: RunContext::warn_if_late says so, and the run stays valid.
    options.max_lag = Nanoseconds::max();
    options.progress = &progress;
    options.stop = &stop;
    options.closes_after_round = [&](int) {
        ++passes_in_round;
        passes_done = passes_in_round;
        if (passes_a_round == 0) {
            // The first pass tells how often the log goes into a round. It runs cold, so it errs to longer rounds.
            const double pass = std::max(1e-4, to_seconds(clock.monotonic() - round_begin));
            passes_a_round = std::clamp(static_cast<int>(std::ceil(to_seconds(plan.minimum_round) / pass)), 1, kMostPasses);
        }
        return passes_in_round >= passes_a_round;
    };
    options.after_round = [&](int) {
        if (passes_in_round < passes_a_round) return true;
        if (!interruption::sleep_for(plan.quiet)) return false;
        Round round;
        round.begin_s = to_seconds(round_begin - origin);
        round.end_s = to_seconds(clock.monotonic() - origin);
        round.requests = progress.completed - completed_before;
        round.connections = progress.connections - connections_before;
        result.rounds.push_back(round);
        const int number = static_cast<int>(result.rounds.size());
        if (hooks.quiet_mark) hooks.quiet_mark(round, number);
        if (stop || interruption::received() != 0) return false;
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
        if (hooks.tick && !hooks.tick(progress.completed, round_number, fraction)) stop = true;
        return !stop;
    });
    result.stats = replay::run(options);
    result.stopped = stop || interruption::received() != 0;
    return result;
}

}  // namespace leakline::diagnose
