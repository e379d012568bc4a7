#include "replay/internal/batch.hpp"

namespace leakline::replay {

void Batch::clear() {
    if (bytes.capacity() > 4 * kFull) std::string().swap(bytes);  // frees the memory of one huge body
    bytes.clear();
    items.clear();
    patches.clear();
    bad = filtered = 0;
    part = 0;
    ends_round = false;
    outstanding = 0;
}

BatchQueue::BatchQueue(std::size_t batches) {
    for (std::size_t i = 0; i < batches; ++i) empty_.push_back(std::make_unique<Batch>());
}

std::unique_ptr<Batch> BatchQueue::take_empty() {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [&] { return closed_ || !empty_.empty(); });
    if (closed_) return nullptr;
    std::unique_ptr<Batch> batch = std::move(empty_.back());
    empty_.pop_back();
    return batch;
}

void BatchQueue::push(std::unique_ptr<Batch> batch) {
    const std::lock_guard lock(mutex_);
    if (!closed_) full_.push_back(std::move(batch));
}

void BatchQueue::fail(std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
}

std::unique_ptr<Batch> BatchQueue::try_pop() {
    const std::lock_guard lock(mutex_);
    if (full_.empty()) {
        if (error_) std::rethrow_exception(error_);
        return nullptr;
    }
    std::unique_ptr<Batch> batch = std::move(full_.front());
    full_.pop_front();
    return batch;
}

void BatchQueue::recycle(std::unique_ptr<Batch> batch) {
    batch->clear();
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        empty_.push_back(std::move(batch));
    }
    freed_.notify_one();
}

void BatchQueue::close() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        full_.clear();
    }
    freed_.notify_all();
}

bool BatchQueue::closed() {
    const std::lock_guard lock(mutex_);
    return closed_;
}

}  // namespace leakline::replay
