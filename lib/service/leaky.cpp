// The memory leak: every record is kept until the process ends.
// Bound: none.
#include "base/quantities.hpp"
#include "service/event_cache.hpp"

namespace leakline::service {

namespace {

// A list, so that memory grows by the same amount with every record; a vector would grow in doublings.
class Leaky : public CacheMode {
  public:
    void insert(CachedRecords record, Nanoseconds) override {
        bytes_ += kRecordNode + heap_bytes(record.front());
        records_.splice(records_.end(), record);
    }
    void collect(const std::string& user_id, Nanoseconds, std::vector<std::string>& out) override {
        for (const CachedEvents& record : records_)
            if (record.user_id == user_id) out.insert(out.end(), record.events.begin(), record.events.end());
    }
    std::size_t sweep(Nanoseconds) override { return 0; }
    std::size_t entries() const override { return records_.size(); }
    Bytes bytes() const override { return bytes_; }

  private:
    CachedRecords records_;
    Bytes bytes_ = 0;
};

}  // namespace

std::unique_ptr<CacheMode> make_leaky(const CacheLimits&) { return std::make_unique<Leaky>(); }

}  // namespace leakline::service
