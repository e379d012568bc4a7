#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>

#include "base/leftovers.hpp"
#include "base/process.hpp"

namespace leakline::interruption {

namespace {

// Signals belong to the process, so this state cannot be anyone's member.
std::atomic<int> received_signal{0};
std::atomic<std::int64_t> received_at{0};  // monotonic, in ms
std::atomic<void (*)()> second_action{nullptr};
int wake_pipe[2] = {-1, -1};

// One wish comes as two signals where both a terminal and a wrapper send it, or as timeout(1) does, to us and to our group:
// what follows so soon is no second one.
constexpr std::int64_t kSameWishMs = 250;

std::int64_t now_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

void handle(int number) {
    std::int64_t never = 0;
    const std::int64_t now = now_ms();
    if (!received_at.compare_exchange_strong(never, now) && now - never < kSameWishMs) return;
    int expected = 0;
    if (received_signal.compare_exchange_strong(expected, number)) {
        const char byte = 1;
        [[maybe_unused]] const ssize_t ignored = ::write(wake_pipe[1], &byte, 1);
        return;
    }
    if (auto* action = second_action.load()) action();
    kill_running_groups();
    leftovers::remove_all();  // after what writes into them
    ::signal(number, SIG_DFL);
    ::raise(number);
}

}  // namespace

void install() {
    if (wake_pipe[0] < 0 && ::pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0) wake_pipe[0] = wake_pipe[1] = -1;
    struct sigaction action {};
    action.sa_handler = handle;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    struct sigaction hangup {};
    ::sigaction(SIGHUP, nullptr, &hangup);
    if (hangup.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);  // nohup is left to mean what it says
    ::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of a write, with a place and a reason
}

int received() { return received_signal.load(); }

int descriptor() { return wake_pipe[0]; }

bool sleep_for(Nanoseconds duration) {
    if (received() != 0) return false;
    pollfd wait{wake_pipe[0], POLLIN, 0};
    timespec time{};
    time.tv_sec = static_cast<time_t>(duration.count() / 1'000'000'000);
    time.tv_nsec = static_cast<long>(duration.count() % 1'000'000'000);
    if (duration > Nanoseconds(0)) ::ppoll(&wait, 1, &time, nullptr);
    return received() == 0;
}

void on_second_signal(void (*action)()) { second_action.store(action); }

}  // namespace leakline::interruption
