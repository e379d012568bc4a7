// A small HTTP service that keeps a block per request for 30 minutes, and cleans up by a timer:
//   timed_cache PORT TIMER [leak] [log=FILE]
//   wait_for   a thread in std::condition_variable::wait_for, every 10 minutes
//   condition  the same, with pthread_cond_timedwait on the wall clock
//   timerfd    a timerfd in an epoll loop, every 10 minutes
//   wheel      a timer wheel that an epoll_wait of 1 s drives: it counts its ticks, and reads no clock
// With `leak`, one block per request stays for ever as well. At the end it appends the number of sweeps that freed blocks to FILE.
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "get_server.hpp"

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kLifetime = std::chrono::minutes(30), kSweepEvery = std::chrono::minutes(10);

struct Kept {
    char* block;
    Clock::time_point at;
};

// Never destroyed: threads still use them at the end.
std::mutex lock;
std::deque<Kept>& kept = *new std::deque<Kept>;
std::vector<char*>& leaked = *new std::vector<char*>;
bool leaks = false, uses_wheel = false;
std::atomic<unsigned long> sweeps{0};
std::string log_file;

char* filled(std::size_t bytes) {
    char* block = static_cast<char*>(std::malloc(bytes));
    std::memset(block, 1, bytes);
    return block;
}

void sweep() {
    const std::lock_guard guard(lock);
    const auto now = Clock::now();
    bool freed = false;
    while (!kept.empty() && now - kept.front().at >= kLifetime) {
        std::free(kept.front().block);
        kept.pop_front();
        freed = true;
    }
    if (freed) ++sweeps;
}

void sweep_by_wait_for() {
    std::mutex own;
    std::condition_variable condition;
    std::unique_lock held(own);
    for (;;) {
        condition.wait_for(held, kSweepEvery);
        sweep();
    }
}

void sweep_by_condition() {
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&own);
    for (;;) {
        timespec until{};
        ::clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += std::chrono::seconds(kSweepEvery).count();
        pthread_cond_timedwait(&condition, &own, &until);
        sweep();
    }
}

void sweep_by_timerfd() {
    const int timer = ::timerfd_create(CLOCK_MONOTONIC, 0), epoll = ::epoll_create1(0);
    const time_t seconds = std::chrono::seconds(kSweepEvery).count();
    const itimerspec every{{seconds, 0}, {seconds, 0}};
    ::timerfd_settime(timer, 0, &every, nullptr);
    epoll_event event{};
    event.events = EPOLLIN;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
    for (;;) {
        if (::epoll_wait(epoll, &event, 1, -1) != 1) continue;
        std::uint64_t count = 0;
        if (::read(timer, &count, sizeof count) == sizeof count) sweep();
    }
}

// One slot per second of a lifetime; a block goes into the slot that comes last.
using Wheel = std::array<std::vector<char*>, std::chrono::seconds(kLifetime).count()>;
Wheel& wheel = *new Wheel;
std::size_t slot = 0;

void turn_wheel() {
    const int epoll = ::epoll_create1(0);
    epoll_event event{};
    for (;;) {
        ::epoll_wait(epoll, &event, 1, 1000);
        const std::lock_guard guard(lock);
        slot = (slot + 1) % wheel.size();
        if (!wheel[slot].empty()) ++sweeps;
        for (char* block : wheel[slot]) std::free(block);
        wheel[slot].clear();
        wheel[slot].shrink_to_fit();
    }
}

void on_request() {
    const std::lock_guard guard(lock);
    if (leaks) leaked.push_back(new char[256]{});
    if (uses_wheel)
        wheel[(slot + wheel.size() - 1) % wheel.size()].push_back(filled(1024));
    else
        kept.push_back({filled(1024), Clock::now()});
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const std::string timer = argv[2];
    for (int i = 3; i < argc; ++i) {
        const std::string word = argv[i];
        leaks = leaks || word == "leak";
        if (word.rfind("log=", 0) == 0) log_file = word.substr(4);
    }
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &end, nullptr);
    const int listener = listen_on(argv[1]);
    uses_wheel = timer == "wheel";
    if (timer == "wait_for") std::thread(sweep_by_wait_for).detach();
    if (timer == "condition") std::thread(sweep_by_condition).detach();
    if (timer == "timerfd") std::thread(sweep_by_timerfd).detach();
    if (timer == "wheel") std::thread(turn_wheel).detach();
    std::thread([listener] {
        for (;;) {
            const int connection = ::accept(listener, nullptr, nullptr);
            if (connection >= 0) std::thread(answer_gets, connection, on_request).detach();
        }
    }).detach();
    int signal = 0;
    sigwait(&end, &signal);
    std::ofstream(log_file, std::ios::app) << sweeps << '\n';
    std::exit(0);
}
