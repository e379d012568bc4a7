#include "system/interruption.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>

#include "base/quantities.hpp"
#include "system/child_process.hpp"
#include "system/internal/cleanup_registry.hpp"

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

// Work that does not look at received() for so long after the signal has nothing to stop for: it is ended like by a second one.
constexpr unsigned kUnseen_s = 5;

std::atomic<bool> ends_at_once{false};
std::atomic<bool> seen{false};  // received() was asked after the signal

std::int64_t now_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

void end_at_once(int number) {
    if (auto* action = second_action.load()) action();
    kill_running_groups(::getpid());
    cleanup_registry::remove_all(::getpid());  // after what writes into them
    ::signal(number, SIG_DFL);
    sigset_t unblocked;
    ::sigemptyset(&unblocked);
    ::sigaddset(&unblocked, number);
    ::pthread_sigmask(SIG_UNBLOCK, &unblocked, nullptr);
    ::raise(number);
}

void handle(int number) {
    if (ends_at_once) return end_at_once(number);
    std::int64_t never = 0;
    const std::int64_t now = now_ms();
    if (!received_at.compare_exchange_strong(never, now) && now - never < kSameWishMs) return;
    int expected = 0;
    if (!received_signal.compare_exchange_strong(expected, number)) return end_at_once(number);
    const char byte = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(wake_pipe[1], &byte, 1);
    ::alarm(kUnseen_s);
}

void handle_unseen(int) {
    if (!seen && received_signal != 0) end_at_once(received_signal);
}

}  // namespace

void install(Response response) {
    ends_at_once = response == Response::at_once;
    if (wake_pipe[0] < 0 && ::pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0) wake_pipe[0] = wake_pipe[1] = -1;
    struct sigaction action {};
    action.sa_handler = handle;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    struct sigaction hangup {};
    ::sigaction(SIGHUP, nullptr, &hangup);
    if (hangup.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);  // nohup is left to mean what it says
    struct sigaction unseen {};
    unseen.sa_handler = handle_unseen;
    ::sigemptyset(&unseen.sa_mask);
    ::sigaction(SIGALRM, &unseen, nullptr);
    ::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of a write, with a place and a reason
}

int received() {
    const int number = received_signal.load();
    if (number != 0 && !seen.exchange(true)) ::alarm(0);
    return number;
}

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
