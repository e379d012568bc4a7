// The lock of the agent's tables. Its owner never allocates or calls the program, and waits for at most a second (while code is unloaded);
// the owner's signal handlers never request it (ThreadState::busy). A wait of 2 seconds means that the owner ended while it held the lock: the agent
// then stops in this process, and the program continues without it.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

#include <atomic>
#include <cstdint>

#include "unwind/system_call.hpp"

namespace leakline::agent {

class AgentLock {
  public:
    bool lock() {
        std::uint32_t expected = kFree;
        if (word_.compare_exchange_strong(expected, kTaken, std::memory_order_acquire, std::memory_order_relaxed)) return true;
        constexpr int kTries = 20;
        constexpr long kTry_ns = 100'000'000;
        for (int timeouts = 0; timeouts < kTries;) {
            if (word_.exchange(kWaitedFor, std::memory_order_acquire) == kFree) return true;
            const timespec time{0, kTry_ns};
            const long result = unwind::system_call(SYS_futex, reinterpret_cast<long>(&word_), FUTEX_WAIT_PRIVATE, kWaitedFor,
                                                    reinterpret_cast<long>(&time));
            constexpr long kTimedOut = -110, kWoken = 0, kChanged = -11, kInterrupted = -4;
            if (result == kTimedOut)
                ++timeouts;
            else if (result != kWoken && result != kChanged && result != kInterrupted)
                return false;  // a sandbox
        }
        return false;
    }
    void unlock() {
        if (word_.exchange(kFree, std::memory_order_release) == kWaitedFor)
            unwind::system_call(SYS_futex, reinterpret_cast<long>(&word_), FUTEX_WAKE_PRIVATE, 1);
    }
    // For a forked child, which has no other threads.
    void forget() { word_.store(kFree, std::memory_order_relaxed); }

  private:
    static constexpr std::uint32_t kFree = 0, kTaken = 1, kWaitedFor = 2;
    std::atomic<std::uint32_t> word_{kFree};
};

}  // namespace leakline::agent
