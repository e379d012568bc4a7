#include "agent/internal/sample_table.hpp"

#include "agent/internal/probability.hpp"

namespace leakline::agent {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

void SampleTable::begin(const SegmentView& segment, AddressFilter& filter, bool exact, bool all_there) {
    segment_ = segment;
    filter_ = &filter;
    filter.reset(exact);
    populated_ = Populated(segment.samples, segment.header->sizes.samples * sizeof(Sample), all_there);
    free_ = live_ = 0;
    last_number_ = 0;
    checked_ns_ = checked_samples_ = checked_calls_ = 0;
}

// All addresses with the same filter bit are in one chain, so that a removal knows whether to clear the bit.
std::atomic<std::uint32_t>& SampleTable::head_of(std::uint64_t address) const {
    const std::uint32_t heads = segment_.header->sizes.sample_heads;
    if (filter_->all()) return segment_.sample_heads[(address >> 4 ^ address >> 24) & (heads - 1)];
    return segment_.sample_heads[(AddressFilter::place_of(address) * 0x9e3779b9u >> 8) & (heads - 1)];
}

std::uint64_t SampleTable::estimate(std::uint64_t size, std::uint64_t interval) const {
    if (interval <= 1 || size == 0) return size;
    return static_cast<std::uint64_t>(static_cast<double>(size) / sampling_probability(size, interval) + 0.5);
}

void SampleTable::account(std::uint64_t before, std::uint64_t after) {
    SegmentHeader& header = *segment_.header;
    const std::uint64_t live = header.live_bytes.load(kRelaxed) - before + after;
    header.live_bytes.store(live, kRelaxed);
}

bool SampleTable::insert(const SampledBlock& block) {
    SegmentHeader& header = *segment_.header;
    std::uint32_t index = free_;
    if (index != 0) {
        free_ = segment_.samples[index - 1].next.load(kRelaxed);
    } else {
        const std::uint32_t used = header.samples_used.load(kRelaxed);
        if (used == header.sizes.samples || !populated_.reach((used + std::size_t{1}) * sizeof(Sample))) return false;
        index = used + 1;
    }
    Sample& sample = segment_.samples[index - 1];
    auto& head = head_of(block.address);
    // The number is 0 here: a reader that sees any of the following stores also sees the 0, or a later number.
    std::atomic_thread_fence(std::memory_order_release);
    sample.address.store(block.address, kRelaxed);
    sample.size.store(block.size, kRelaxed);
    sample.at_ns.store(block.at_ns, kRelaxed);
    sample.stack.store(block.stack, kRelaxed);
    sample.next.store(head.load(kRelaxed), kRelaxed);
    sample.number.store(++last_number_, std::memory_order_release);
    if (index > header.samples_used.load(kRelaxed)) header.samples_used.store(index, std::memory_order_release);
    head.store(index, kRelaxed);
    filter_->set(AddressFilter::place_of(block.address));
    ++live_;
    const std::uint64_t interval = SamplingState::unpacked(header.sampling.load(kRelaxed)).interval;
    account(0, estimate(block.size, interval));
    if (const std::uint64_t live = header.live_bytes.load(kRelaxed); live > header.peak_bytes.load(kRelaxed)) {
        header.peak_bytes.store(live, kRelaxed);
        header.peak_ns.store(block.at_ns, kRelaxed);
    }
    return true;
}

bool SampleTable::remove(std::uint64_t address, SampledBlock& block) {
    auto& head = head_of(address);
    const std::uint32_t place = AddressFilter::place_of(address);
    std::uint32_t found = 0, before = 0, last = 0;
    bool others = false;
    for (std::uint32_t i = head.load(kRelaxed); i != 0; last = i, i = segment_.samples[i - 1].next.load(kRelaxed)) {
        const std::uint64_t at = segment_.samples[i - 1].address.load(kRelaxed);
        if (at == address) {
            found = i;
            before = last;
            if (filter_->all()) break;
        } else if (AddressFilter::place_of(at) == place) {
            others = true;
        }
    }
    if (found == 0) return false;
    Sample& sample = segment_.samples[found - 1];
    const std::uint32_t next = sample.next.load(kRelaxed);
    if (before == 0)
        head.store(next, kRelaxed);
    else
        segment_.samples[before - 1].next.store(next, kRelaxed);
    sample.number.store(0, kRelaxed);
    sample.address.store(0, kRelaxed);
    if (!others) filter_->clear(place);
    block = {address, sample.size.load(kRelaxed), sample.at_ns.load(kRelaxed), sample.stack.load(kRelaxed)};
    sample.next.store(free_, kRelaxed);
    free_ = found;
    --live_;
    const std::uint64_t interval = SamplingState::unpacked(segment_.header->sampling.load(kRelaxed)).interval_of(found - 1);
    account(estimate(block.size, interval), 0);
    return true;
}

// Checked every 1,024 samples: over the budget if they came faster than the cheap rate, and from too large a share of the allocations.
bool SampleTable::is_over(const SampleBudget& budget) {
    constexpr std::uint64_t kLookedAt = 1024;
    constexpr std::uint64_t kCheapPerSecond = 2000;  // a thousandth of a processor
    const std::uint64_t samples = segment_.header->sampled.load(kRelaxed), calls = segment_.header->allocations_q8.load(kRelaxed) >> 8;
    if (budget.one_block_in == 0 || samples < SampleBudget::kFree) return false;
    const std::uint64_t more = samples - checked_samples_;
    if (checked_ns_ != 0 && more < kLookedAt) return false;
    const bool over = checked_ns_ != 0 && calls - checked_calls_ < more * budget.one_block_in &&
                      (budget.now_ns - checked_ns_) * kCheapPerSecond < more * 1'000'000'000;
    checked_ns_ = budget.now_ns;
    checked_samples_ = samples;
    checked_calls_ = calls;
    return over;
}

void SampleTable::thin_when_needed(std::uint64_t& random, const SampleBudget& budget) {
    SegmentHeader& header = *segment_.header;
    const std::uint32_t capacity = header.sizes.samples;
    const std::uint64_t interval = SamplingState::unpacked(header.sampling.load(kRelaxed)).interval;
    const bool nearly_full = live_ >= capacity / 4 * 3;
    const bool over = interval < SampleBudget::kLargest && is_over(budget);
    if ((!over && !nearly_full) || interval * 2 > SamplingState::kLargestInterval) return;
    SamplingState state{interval * 2, 0};
    header.sampling.store(state.packed(), std::memory_order_release);
    std::uint64_t total = 0;
    const std::uint32_t used = header.samples_used.load(kRelaxed);
    for (std::uint32_t i = 0; i < used; ++i) {
        Sample& sample = segment_.samples[i];
        if (sample.number.load(kRelaxed) != 0) {
            const std::uint64_t size = sample.size.load(kRelaxed);
            const double before = sampling_probability(size, interval), after = sampling_probability(size, state.interval);
            if (next_uniform(random) * before > after)
                sample.number.store(0, kRelaxed);
            else
                total += estimate(size, state.interval);
        }
        state.thinned = i + 1;
        header.sampling.store(state.packed(), std::memory_order_release);
    }
    for (std::uint32_t head = 0; head < header.sizes.sample_heads; ++head) unlink_dropped(segment_.sample_heads[head]);
    state.thinned = SamplingState::kAllThinned;
    header.sampling.store(state.packed(), std::memory_order_release);
    header.live_bytes.store(total, kRelaxed);
}

// Frees the samples of a chain whose numbers are 0, each chain in one pass: millions of removals by address would take seconds.
void SampleTable::unlink_dropped(std::atomic<std::uint32_t>& head) {
    std::atomic<std::uint32_t>* link = &head;
    std::uint32_t dropped = 0;  // a list of them, by `next`
    for (std::uint32_t i = head.load(kRelaxed); i != 0;) {
        Sample& sample = segment_.samples[i - 1];
        const std::uint32_t next = sample.next.load(kRelaxed);
        if (sample.number.load(kRelaxed) != 0) {
            link = &sample.next;
        } else {
            link->store(next, kRelaxed);
            sample.next.store(dropped, kRelaxed);
            dropped = i;
        }
        i = next;
    }
    while (dropped != 0) {
        Sample& sample = segment_.samples[dropped - 1];
        const std::uint32_t next = sample.next.load(kRelaxed), place = AddressFilter::place_of(sample.address.load(kRelaxed));
        bool others = filter_->all();
        for (std::uint32_t i = head.load(kRelaxed); i != 0 && !others; i = segment_.samples[i - 1].next.load(kRelaxed))
            others = AddressFilter::place_of(segment_.samples[i - 1].address.load(kRelaxed)) == place;
        if (!others) filter_->clear(place);
        sample.address.store(0, kRelaxed);
        sample.next.store(free_, kRelaxed);
        free_ = dropped;
        --live_;
        dropped = next;
    }
}

}  // namespace leakline::agent
