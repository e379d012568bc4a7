// The live samples of a segment, by address. One thread at a time (the agent's lock); other processes may read the segment
// meanwhile. Does not allocate.
#pragma once

#include <cstdint>

#include "agent/internal/address_filter.hpp"
#include "agent/internal/populated.hpp"
#include "agent/internal/segment_view.hpp"

namespace leakline::agent {

struct SampledBlock {
    std::uint64_t address = 0, size = 0, at_ns = 0;
    std::uint32_t stack = 0;
};

// How many blocks may be sampled.
struct SampleBudget {
    static constexpr std::uint64_t kFree = 16'384;  // the first samples, which a short program may consist of
    // The budget enlarges the interval no further: large blocks would become vague, and hardly cheaper.
    static constexpr std::uint64_t kLargest = std::uint64_t{64} << 10;
    std::uint32_t one_block_in;  // allocations for each sample; 0: no limit
    std::uint64_t now_ns;        // CLOCK_MONOTONIC
};

class SampleTable {
  public:
    // all_there: all pages of the segment are already allocated.
    void begin(const SegmentView& segment, AddressFilter& filter, bool exact, bool all_there);

    // False if there is no room.
    bool insert(const SampledBlock& block);
    // Removes the sample at this address; false if there is none.
    bool remove(std::uint64_t address, SampledBlock& block);

    // If 3/4 of the table are live, or there were more samples than the budget has: doubles the interval, and keeps each sample with the
    // ratio of its probabilities at the two intervals. The kept ones are then distributed exactly as samples at the new interval.
    void thin_when_needed(std::uint64_t& random, const SampleBudget& budget);

    // No more memory is requested after this (Populated::last_request).
    void last_request(std::size_t bytes) { populated_.last_request(bytes); }
    std::uint64_t last_number() const { return last_number_; }

  private:
    std::atomic<std::uint32_t>& head_of(std::uint64_t address) const;
    void account(std::uint64_t bytes_before, std::uint64_t bytes_after);
    std::uint64_t estimate(std::uint64_t size, std::uint64_t interval) const;
    void unlink_dropped(std::atomic<std::uint32_t>& head);
    bool is_over(const SampleBudget& budget);

    SegmentView segment_;
    AddressFilter* filter_ = nullptr;
    Populated populated_;
    std::uint32_t free_ = 0;  // index + 1 of the first free entry
    std::uint32_t live_ = 0;
    std::uint64_t last_number_ = 0;
    // When the budget was last checked; checked_ns_ 0: not yet.
    std::uint64_t checked_ns_ = 0, checked_samples_ = 0, checked_calls_ = 0;
};

}  // namespace leakline::agent
