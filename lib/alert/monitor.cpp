#include "alert/monitor.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/error.hpp"
#include "base/quantities.hpp"

namespace leakline::alert {

namespace {

constexpr std::size_t kQueueLimit = 64;

struct Totals {
    std::atomic<std::uint64_t> sent{0}, failed_attempts{0}, given_up{0};
};

// One channel, its queue and its thread.
class AlertSender {
  public:
    AlertSender(std::unique_ptr<Channel> channel, const MonitorOptions& options, Totals& totals,
                const std::function<void(const std::string&)>& report)
        : channel_(std::move(channel)), retry_(options.retry), stop_(options.stop), totals_(totals), report_(report), thread_([this] {
              run();
          }) {}

    void post(const Alert& alert) {
        {
            const std::lock_guard lock(mutex_);
            if (queue_.size() == kQueueLimit) {
                queue_.pop_front();  // the newest messages matter most
                ++totals_.given_up;
            }
            queue_.push_back(alert);
        }
        changed_.notify_one();
    }

    void finish() {
        {
            const std::lock_guard lock(mutex_);
            finishing_ = true;
        }
        changed_.notify_one();
    }
    void join() { thread_.join(); }

  private:
    void run() {
        for (;;) {
            Alert alert;
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, [&] { return finishing_ || !queue_.empty(); });
                if (queue_.empty()) return;
                alert = queue_.front();
                queue_.pop_front();
            }
            deliver(alert);
        }
    }

    void deliver(const Alert& alert) {
        for (int attempt = 1;; ++attempt) {
            std::string reason;
            try {
                channel_->send(alert, stop_.stop_requested() ? std::stop_token() : stop_);
                ++totals_.sent;
                return;
            } catch (const Error& error) {
                reason = error.location() + ": " + error.message();
            } catch (const std::exception& error) {
                reason = error.what();
            }
            ++totals_.failed_attempts;
            const Nanoseconds wait = retry_.wait_after(attempt);
            std::unique_lock lock(mutex_);
            if (attempt >= retry_.attempts || finishing_) {
                ++totals_.given_up;
                report_("alert dropped after " + std::to_string(attempt) + (attempt == 1 ? " attempt" : " attempts") + ": " +
                        channel_->describe() + ": " + reason);
                return;
            }
            report_("alert not delivered, retrying in " + format_duration(wait) + ": " + channel_->describe() + ": " + reason);
            // The destructor wakes it early for a last attempt.
            changed_.wait_for(lock, wait, [&] { return finishing_; });
        }
    }

    const std::unique_ptr<Channel> channel_;
    const RetryOptions retry_;
    const std::stop_token stop_;
    Totals& totals_;
    const std::function<void(const std::string&)>& report_;
    std::mutex mutex_;  // guards queue_ and finishing_
    std::condition_variable changed_;
    std::deque<Alert> queue_;
    bool finishing_ = false;
    std::thread thread_;  // last member: the thread starts after the others are constructed
};

}  // namespace

Nanoseconds RetryOptions::wait_after(int attempt) const {
    Nanoseconds wait = first;
    for (int i = 1; i < attempt && wait < longest; ++i) wait *= 2;
    return std::min(wait, longest);
}

struct MemoryMonitor::State {
    State(MonitorOptions all, std::function<void(const std::string&)> to)
        : options(std::move(all)), report(std::move(to)), rule(options.rule) {}

    const MonitorOptions options;
    const std::function<void(const std::string&)> report;
    MemoryRule rule;
    std::atomic<bool> firing{false};
    Totals totals;
    std::vector<std::unique_ptr<AlertSender>> couriers;
};

MemoryMonitor::MemoryMonitor(MonitorOptions options, std::function<void(const std::string&)> report)
    : state_(std::make_unique<State>(std::move(options), std::move(report))) {
    std::vector<std::unique_ptr<Channel>> channels;  // all channels first: a bad one must not leave threads running
    for (const std::string& spec : state_->options.channels) channels.push_back(make_channel(spec));
    for (auto& channel : channels)
        state_->couriers.push_back(std::make_unique<AlertSender>(std::move(channel), state_->options, state_->totals, state_->report));
}

MemoryMonitor::~MemoryMonitor() {
    for (auto& courier : state_->couriers) courier->finish();
    for (auto& courier : state_->couriers) courier->join();
}

void MemoryMonitor::observe(Bytes used, Bytes limit, Nanoseconds monotonic, Nanoseconds wall) {
    if (limit == 0) return;
    State& state = *state_;
    const std::optional<Kind> kind = state.rule.observe(used, limit, monotonic);
    state.firing = state.rule.firing();
    if (!kind) return;
    const Alert alert{*kind, state.options.source, used, limit, state.options.rule.at, wall - (monotonic - state.rule.since()), wall};
    for (auto& courier : state.couriers) courier->post(alert);
}

bool MemoryMonitor::firing() const { return state_->firing; }

MemoryMonitor::Counts MemoryMonitor::counts() const {
    return {state_->totals.sent, state_->totals.failed_attempts, state_->totals.given_up};
}

}  // namespace leakline::alert
