#include "system/end_signals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>

#include "base/error.hpp"
#include "system/child_process.hpp"
#include "system/internal/cleanup_registry.hpp"

namespace leakline {

namespace {

// Signals belong to the process, and a handler sees nothing but this.
std::atomic<int> received_signal{0};
std::atomic<std::int64_t> received_at{0};  // monotonic, in ms
std::atomic<int> wake_descriptor{-1};      // -1: a signal ends the process at once

// One request to end comes as two signals if both a terminal and a wrapper send it, or one that timeout(1) sends to us and to our
// group: a signal that follows so soon is not a second request.
constexpr std::int64_t kSameRequestMs = 250;

constexpr char kSignal = 's', kOver = 'o';  // what the thread reads

std::int64_t now_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

void end_at_once(int number) {
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
    const int wake = wake_descriptor.load();
    if (wake < 0) return end_at_once(number);
    const int saved = errno;
    std::int64_t never = 0;
    const std::int64_t now = now_ms();
    if (!received_at.compare_exchange_strong(never, now) && now - never < kSameRequestMs) return;
    int expected = 0;
    if (!received_signal.compare_exchange_strong(expected, number)) return end_at_once(number);
    [[maybe_unused]] const ssize_t ignored = ::write(wake, &kSignal, 1);
    errno = saved;
}

}  // namespace

EndSignals::EndSignals() {
    struct sigaction action {};
    action.sa_handler = handle;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    struct sigaction hangup {};
    ::sigaction(SIGHUP, nullptr, &hangup);
    if (hangup.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
}

EndSignals::~EndSignals() {
    wake_descriptor = -1;
    if (thread_.joinable()) {
        [[maybe_unused]] const ssize_t ignored = ::write(pipe_[1], &kOver, 1);
        thread_.join();
    }
    for (const int end : pipe_)
        if (end >= 0) ::close(end);
}

void EndSignals::request_stop_first() {
    if (::pipe2(pipe_, O_CLOEXEC) != 0) throw os_error(ErrorKind::system, "leakline", "cannot create a pipe", errno);
    // Signals are handled on the other threads, where they interrupt what waits.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([stop = stop_, descriptor = pipe_[0]]() mutable {
        char byte = 0;
        while (::read(descriptor, &byte, 1) == 1 && byte == kSignal) stop.request_stop();
    });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    wake_descriptor = pipe_[1];
}

int EndSignals::received() const { return received_signal; }

}  // namespace leakline
