// Threads and processes: cancellation, fork, programs that are started, waits without an end.
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <spawn.h>
#include <sys/select.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "abuser.hpp"

namespace {

void* wait_for_ever(void* how) {
    const timespec wait = at(10'000'000 * kSecond);
    switch (*static_cast<int*>(how)) {
        case 0: ::nanosleep(&wait, nullptr); break;
        case 1: ::poll(nullptr, 0, 2'000'000'000); break;
        case 2: {
            pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
            pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
            pthread_mutex_lock(&mutex);
            const timespec until = in(CLOCK_REALTIME, 10'000'000 * kSecond);
            pthread_cond_timedwait(&condition, &mutex, &until);
            break;
        }
        case 3: ::sleep(2'000'000'000); break;
        case 4: {
            sem_t semaphore;
            sem_init(&semaphore, 0, 0);
            const timespec until = in(CLOCK_MONOTONIC, 10'000'000 * kSecond);
            sem_clockwait(&semaphore, CLOCK_MONOTONIC, &until);
            break;
        }
        default: ::select(0, nullptr, nullptr, nullptr, nullptr); break;
    }
    return nullptr;
}

}  // namespace

void cancellation() {
    for (int how = 0; how < 6; ++how) {
        pthread_t thread{};
        REQUIRE(pthread_create(&thread, nullptr, wait_for_ever, &how) == 0);
        ::usleep(2000);
        REQUIRE(pthread_cancel(thread) == 0);
        void* result = nullptr;
        REQUIRE(pthread_join(thread, &result) == 0);
        REQUIRE(result == PTHREAD_CANCELED);
    }
}

void processes() {
    const std::int64_t parent = now();
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const std::int64_t own = now();
        ::sleep(600);
        const std::int64_t times[2] = {own, now()};
        const bool written = ::write(pipe[1], times, sizeof times) == sizeof times;
        ::_exit(written && times[1] - own >= kWait ? 0 : 1);
    }
    int status = 0;
    std::int64_t times[2] = {};
    REQUIRE(::read(pipe[0], times, sizeof times) == sizeof times);
    REQUIRE(::waitpid(child, &status, 0) == child && status == 0);
    REQUIRE(times[0] >= parent && times[1] <= now());
    ::close(pipe[0]);
    ::close(pipe[1]);
    // A program that is started has the same clock.
    const std::string before = std::to_string(now(CLOCK_REALTIME) / kSecond);
    std::string own = "/proc/self/exe", argument = "show-time=" + before;
    char* words[] = {own.data(), argument.data(), nullptr};
    char path[4096] = {};
    REQUIRE(::readlink("/proc/self/exe", path, sizeof path - 1) > 0);
    pid_t started = 0;
    REQUIRE(::posix_spawn(&started, path, nullptr, nullptr, words, environ) == 0);
    REQUIRE(::waitpid(started, &status, 0) == started);
    REQUIRE(status == 0);
}

void threads() {
    std::vector<std::thread> all;
    std::atomic<int> early{0};
    for (int i = 0; i < 8; ++i)
        all.emplace_back([&, i] {
            std::mutex mutex;
            std::condition_variable condition;
            for (int round = 0; round < 20; ++round) {
                const std::int64_t begin = now(), wait = (i + 2) * kSecond;
                std::unique_lock lock(mutex);
                condition.wait_for(lock, std::chrono::nanoseconds(wait));
                if (now() - begin < wait - kSecond) ++early;  // a spurious end is allowed, but not each time
                int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
                const itimerspec wanted{at(0), at(wait)};
                std::uint64_t count = 0;
                ::timerfd_settime(timer, 0, &wanted, nullptr);
                if (::read(timer, &count, 8) != 8 || now() - begin < wait) ++early;
                ::close(timer);
            }
        });
    for (std::thread& thread : all) thread.join();
    REQUIRE(early < 3);
}

// Waits without an end stay without one.
void endless() {
    std::mutex mutex;
    std::condition_variable condition;
    std::atomic<bool> over{false};
    std::thread waiter([&] {
        std::unique_lock lock(mutex);
        condition.wait_for(lock, std::chrono::hours(24 * 365 * 200), [&] { return over.load(); });
    });
    ::usleep(20'000);
    REQUIRE(!over);
    {
        const std::lock_guard lock(mutex);
        over = true;
    }
    condition.notify_all();
    waiter.join();
}
