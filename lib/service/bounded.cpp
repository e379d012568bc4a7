// A cache that keeps the newest N records, in a ring.
// Bound: N x (a slot + the heap bytes of the largest record).
#include <memory>

#include "base/quantities.hpp"
#include "service/event_cache.hpp"

namespace leakline::service {

namespace {

class Bounded : public CacheMode {
  public:
    explicit Bounded(std::size_t capacity) : capacity_(std::max<std::size_t>(1, capacity)) { ring_.reserve(capacity_); }

    void insert(CachedRecords one, Nanoseconds) override {
        CachedEvents& record = one.front();
        held_ += heap_bytes(record);
        if (ring_.size() < capacity_) {
            ring_.push_back(std::move(record));
            return;
        }
        CachedEvents& oldest = ring_[oldest_];
        held_ -= heap_bytes(oldest);
        // Not an assignment: a short string assigned to a long one would keep the long one's buffer, which is not accounted.
        std::destroy_at(&oldest);
        std::construct_at(&oldest, std::move(record));
        oldest_ = (oldest_ + 1) % capacity_;
    }
    void collect(const std::string& user_id, Nanoseconds, std::vector<std::string>& out) override {
        for (std::size_t i = 0; i < ring_.size(); ++i) {
            const CachedEvents& record = ring_[(oldest_ + i) % ring_.size()];
            if (record.user_id == user_id) out.insert(out.end(), record.events.begin(), record.events.end());
        }
    }
    std::size_t sweep(Nanoseconds) override { return 0; }
    std::size_t entries() const override { return ring_.size(); }
    Bytes bytes() const override { return held_ + ring_.capacity() * sizeof(CachedEvents); }

  private:
    std::size_t capacity_;
    std::vector<CachedEvents> ring_;
    std::size_t oldest_ = 0;  // the place of the next record, once the ring is full
    Bytes held_ = 0;          // heap bytes of all records
};

}  // namespace

std::unique_ptr<CacheMode> make_bounded(const CacheLimits& limits) { return std::make_unique<Bounded>(limits.entries); }

}  // namespace leakline::service
