// The open descriptors of a segment, by number. Does not allocate; keeps errno.
#pragma once

#include "agent/internal/populated.hpp"
#include "agent/internal/segment_view.hpp"

namespace leakline::agent {

class DescriptorTable {
  public:
    // Empty. all_there: all pages of the segment are already allocated.
    void begin(const SegmentView& segment, bool all_there) {
        segment_ = segment;
        populated_ = Populated(segment.descriptors, segment.header->sizes.descriptors * sizeof(OpenDescriptor), all_there);
    }

    // One thread at a time (the agent's lock). False if there is no room.
    bool put(unsigned number, std::uint32_t stack) {
        if (!populated_.reach((number + std::size_t{1}) * sizeof(OpenDescriptor))) return false;
        segment_.descriptors[number].store(stack + 1, std::memory_order_release);
        std::atomic<std::uint32_t>& used = segment_.header->descriptors_used;
        if (number >= used.load(std::memory_order_relaxed)) used.store(number + 1, std::memory_order_release);
        return true;
    }

    // Any thread and signal handler, without the lock. A number that is in use belongs to one thread: the one that opens or closes it.
    bool has(unsigned number) const {
        return number < segment_.header->descriptors_used.load(std::memory_order_acquire) &&
               segment_.descriptors[number].load(std::memory_order_relaxed) != 0;
    }
    void clear(unsigned number) { segment_.descriptors[number].store(0, std::memory_order_relaxed); }
    unsigned used() const { return segment_.header->descriptors_used.load(std::memory_order_acquire); }

    // No more memory is requested after this (Populated::last_request).
    void last_request(std::size_t bytes) { populated_.last_request(bytes); }

  private:
    SegmentView segment_;
    Populated populated_;
};

}  // namespace leakline::agent
