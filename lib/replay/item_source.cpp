#include "replay/internal/item_source.hpp"

#include <algorithm>

#include "base/quantities.hpp"

namespace leakline::replay {

namespace {

constexpr Nanoseconds kCoarse = std::chrono::seconds(1);

}  // namespace

ItemSource::ItemSource(BatchQueue& queue, Order order, std::size_t window)
    : queue_(queue), order_(order), window_(std::max<std::size_t>(1, window)) {}

ItemSource::~ItemSource() = default;

bool ItemSource::has_pending() const {
    return (batch_ != nullptr && position_ < batch_->items.size()) || !second_.empty() || !ahead_.empty();
}

bool ItemSource::take_batch() {
    if (round_over_) return false;
    std::unique_ptr<Batch> batch = queue_.try_pop();
    if (!batch) return false;
    bad_ += batch->bad;
    filtered_ += batch->filtered;
    items_ += batch->items.size();
    batch->part_before = part_;
    part_ = batch->part;
    round_over_ = batch->ends_round;
    if (batch->items.empty()) {
        queue_.recycle(std::move(batch));
        return take_batch();
    }
    batch->outstanding = batch->items.size();
    batch_ = batch.get();
    position_ = 0;
    held_.push_back(std::move(batch));
    return true;
}

bool ItemSource::advance() {
    if ((batch_ == nullptr || position_ == batch_->items.size()) && !take_batch()) return false;
    const Item& item = batch_->items[position_];
    const Pending pending{item.at, sequence_++, batch_, position_++};
    if (!second_.empty() && (!item.coarse || item.at != second_.front().at)) spread();
    if (item.coarse)
        second_.push_back(pending);
    else
        ahead_.push(pending);
    return true;
}

// n records stamped 12:00:00 become 12:00:00, 12:00:00 + 1/n s, ...
void ItemSource::spread() {
    const auto count = static_cast<std::int64_t>(second_.size());
    for (std::int64_t i = 0; i < count; ++i) {
        Pending& pending = second_[static_cast<std::size_t>(i)];
        pending.at += kCoarse * i / count;
        ahead_.push(pending);
    }
    second_.clear();
}

std::optional<Pending> ItemSource::next() {
    if (order_ == Order::as_read) {
        if ((batch_ == nullptr || position_ == batch_->items.size()) && !take_batch()) return std::nullopt;
        const Item& item = batch_->items[position_];
        return Pending{item.at, sequence_++, batch_, position_++};
    }
    while (ahead_.size() < window_) {
        if (advance()) continue;
        // Nothing more to read ahead: the round is over, or all batches are in use and the window is limited to
        // their items.
        if (!round_over_ && held_.size() < kBatches) return std::nullopt;
        spread();
        break;
    }
    if (ahead_.empty()) return std::nullopt;
    const Pending pending = ahead_.top();
    ahead_.pop();
    if (passed_ && pending.at < *passed_)
        ++late_;
    else
        passed_ = pending.at;
    return pending;
}

void ItemSource::release(const Pending& pending) {
    if (--pending.batch->outstanding > 0) return;
    const auto held = std::find_if(held_.begin(), held_.end(), [&](const auto& batch) { return batch.get() == pending.batch; });
    if (pending.batch == batch_) batch_ = nullptr;
    queue_.recycle(std::move(*held));
    held_.erase(held);
}

// By the sent part of the oldest batch: a small log is one batch and is read long before it is sent.
double ItemSource::part() const {
    if (held_.empty()) return part_;
    const Batch& oldest = *held_.front();
    const double left = static_cast<double>(oldest.outstanding) / static_cast<double>(oldest.items.size());
    return oldest.part - left * (oldest.part - oldest.part_before);
}

void ItemSource::begin_round() {
    round_over_ = false;
    passed_.reset();
    part_ = 0;
}

}  // namespace leakline::replay
