#include "heap/internal/allocation_counts.hpp"

#include <array>

namespace leakline::heap {

namespace {
// Room for these is asked for at once, in a recording that has more than a few: pages that are not used take no memory, and a
// table that has to move takes twice its memory while it does.
constexpr std::size_t kFewInfos = 1024, kUsualInfos = std::size_t{1} << 21;
// The log's least length. It has to stay in the processor's cache beside the infos.
constexpr std::size_t kShortLog = std::size_t{1} << 14;
// Number of infos above which they do not fit into the cache: their entries are prefetched.
constexpr std::size_t kCachedInfos = std::size_t{1} << 15;
}  // namespace

AllocationCounts::AllocationCounts() : log_(kShortLog + kMaxEvents) {
    infos_.reserve(kFewInfos);
    rest_.reserve(kFewInfos);
}

void AllocationCounts::add(Bytes size, std::uint32_t site) {
    if (infos_.size() == kFewInfos) {
        infos_.reserve(kUsualInfos);
        rest_.reserve(kUsualInfos);
    }
    infos_.push_back({size, 0});
    rest_.push_back({site, 0});
    if (changed_.size() < infos_.size() + 8) changed_.resize(std::max<std::size_t>(1024, infos_.size() * 2), 0);
}

// Rare cases are branches; unpredictable ones (allocation or free, a new peak or not) are arithmetic, since a
// branch would be mispredicted half of the time.
std::span<const AllocationCounts::Refused> AllocationCounts::apply(std::size_t count) {
    static constexpr std::array<std::uint64_t, 2> kChange = {~std::uint64_t{0}, kAllocation + 1};  // - 1: it is live
    refused_.clear();
    std::uint32_t* const entries = free_space();
    Info* const infos = infos_.data();
    std::uint8_t* const changed = changed_.data();
    if (infos_.size() > kCachedInfos)
        for (std::size_t i = 0; i < count; ++i) __builtin_prefetch(infos + (entries[i] >> 1), 1);
    std::uint64_t total = total_, peak = peak_;
    std::size_t peak_end = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t index = entries[i] >> 1, plus = entries[i] & 1;
        Info& info = infos[index];
        const std::uint64_t counts = info.counts;
        if ((static_cast<std::uint32_t>(counts) | plus) == 0) [[unlikely]] {
            refused_.push_back({i, index});
            entries[i] = kNothing;
            continue;
        }
        changed[index] = 1;
        info.counts = counts + kChange[plus];
        const std::uint64_t minus = plus - 1;  // all ones for a free
        total += (info.size ^ minus) - minus;
        const bool higher = static_cast<std::int64_t>(total) > static_cast<std::int64_t>(peak);
        peak = higher ? total : peak;
        peak_end = higher ? i + 1 : peak_end;
    }
    total_ = total;
    peak_ = peak;
    events_ += count - refused_.size();
    if (peak_end != 0) {
        peak_end_ = used_ + peak_end;
        new_peak_ = true;
    }
    used_ += count;
    if (used_ + kMaxEvents > log_.size()) make_room();
    return refused_;
}

void AllocationCounts::make_room() {
    const std::size_t half = used_ / 2;
    if (peak_end_ > half) {
        std::memmove(log_.data(), log_.data() + half, (used_ - half) * sizeof(std::uint32_t));
        used_ -= half;
        peak_end_ -= half;
    } else {
        store_peak();
        used_ = 0;
    }
    // Settling takes time in the number of infos, so the events between two settlings have to be as many.
    log_.resize(std::max(log_.size(), infos_.size() + kMaxEvents));
}

// Computes the state at the newest peak, unless that was done.
void AllocationCounts::store_peak() {
    if (peak_end_ == 0) return;
    live_at_peak_.resize(infos_.size());
    for (std::size_t i = 0; i < infos_.size(); ++i) live_at_peak_[i] = infos_[i].live();
    for (std::size_t i = peak_end_; i < used_; ++i) {
        if (log_[i] == kNothing) continue;
        live_at_peak_[log_[i] >> 1] += (log_[i] & 1) != 0 ? ~std::uint32_t{0} : 1;
    }
    peak_end_ = 0;
}

}  // namespace leakline::heap
