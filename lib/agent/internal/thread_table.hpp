// The threads of a segment that are not joined, with the stacks that started them. One thread at a time (the agent's lock). Does not allocate; keeps
// errno.
#pragma once

#include <pthread.h>
#include <sys/syscall.h>

#include "agent/internal/populated.hpp"
#include "agent/internal/segment_view.hpp"
#include "unwind/system_call.hpp"

namespace leakline::agent {

class ThreadTable {
  public:
    static constexpr std::uint32_t kMost = 1u << 15;

    // Empty. all_there: all pages of the segment are already allocated.
    void begin(const SegmentView& segment, bool all_there) {
        segment_ = segment;
        populated_ = Populated(segment.threads, segment.header->sizes.threads * sizeof(StartedThread), all_there);
        full_ = false;
    }

    // The thread that calls. False if there is no room. A handle that is known belonged to a thread that has ended.
    bool add(pthread_t handle, std::uint32_t id, std::uint32_t stack, bool detached) {
        remove(handle);
        std::uint32_t place = free_place();
        if (place == size() && (full_ || !drop_ended())) return false;
        place = place == size() ? free_place() : place;
        if (!populated_.reach((place + std::size_t{1}) * sizeof(StartedThread))) return false;
        StartedThread& thread = segment_.threads[place];
        handles_[place] = handle;
        thread.id.store(id, std::memory_order_relaxed);
        thread.detached.store(detached ? 1 : 0, std::memory_order_relaxed);
        thread.stack.store(stack + 1, std::memory_order_release);
        if (place == used()) segment_.header->threads_used.store(place + 1, std::memory_order_release);
        return true;
    }
    void remove(pthread_t handle) {
        StartedThread* const thread = find(handle);
        if (thread == nullptr) return;
        thread->stack.store(0, std::memory_order_release);
        full_ = false;
    }
    void detach(pthread_t handle) {
        if (StartedThread* const thread = find(handle)) thread->detached.store(1, std::memory_order_relaxed);
    }

    // No more memory is requested after this (Populated::last_request).
    void last_request(std::size_t bytes) { populated_.last_request(bytes); }

  private:
    std::uint32_t size() const { return segment_.header->sizes.threads < kMost ? segment_.header->sizes.threads : kMost; }
    std::uint32_t used() const { return segment_.header->threads_used.load(std::memory_order_relaxed); }
    bool is_used(std::uint32_t place) const { return segment_.threads[place].stack.load(std::memory_order_relaxed) != 0; }

    StartedThread* find(pthread_t handle) {
        for (std::uint32_t i = 0; i < used(); ++i)
            if (handles_[i] == handle && is_used(i)) return &segment_.threads[i];
        return nullptr;
    }
    // size(): there is none.
    std::uint32_t free_place() const {
        std::uint32_t place = 0;
        while (place < used() && is_used(place)) ++place;
        return place;
    }
    // Of detached threads, whose end is not seen.
    bool drop_ended() {
        constexpr long kNoSuchThread = -3;
        const long process = unwind::system_call(SYS_getpid);
        full_ = true;
        for (std::uint32_t i = 0; i < used(); ++i) {
            StartedThread& thread = segment_.threads[i];
            if (thread.detached.load(std::memory_order_relaxed) == 0 ||
                unwind::system_call(SYS_tgkill, process, static_cast<long>(thread.id.load(std::memory_order_relaxed)), 0) != kNoSuchThread)
                continue;
            thread.stack.store(0, std::memory_order_release);
            full_ = false;
        }
        return !full_;
    }

    SegmentView segment_;
    Populated populated_;
    pthread_t handles_[kMost] = {};
    bool full_ = false;
};

}  // namespace leakline::agent
