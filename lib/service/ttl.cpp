// A cache with timed cleaning. A record is discarded at its age of --ttl: reads do not see it from that moment on,
// and the next sweep of the background job frees its memory.
// Bound: the records that arrive within ttl + one sweep interval, each with its heap bytes and a node. Memory depends on
// the rate of requests, not on their number so far.
#include <list>

#include "base/quantities.hpp"
#include "service/event_cache.hpp"

namespace leakline::service {

namespace {

class Ttl : public CacheMode {
  public:
    explicit Ttl(Nanoseconds ttl) : ttl_(ttl) {}

    void insert(CachedRecords one, Nanoseconds now) override {
        CachedEvents& record = one.front();
        held_ += cost(record);
        records_.push_back({std::move(record), now});
    }
    void collect(const std::string& user_id, Nanoseconds now, std::vector<std::string>& out) override {
        for (const Dated& dated : records_)
            if (!expired(dated, now) && dated.record.user_id == user_id)
                out.insert(out.end(), dated.record.events.begin(), dated.record.events.end());
    }
    std::size_t sweep(Nanoseconds now) override {
        std::size_t swept = 0;
        // Appended in the order of a clock that does not step back, so the expired ones are in front.
        while (!records_.empty() && expired(records_.front(), now)) {
            held_ -= cost(records_.front().record);
            records_.pop_front();
            ++swept;
        }
        return swept;
    }
    std::size_t entries() const override { return records_.size(); }
    Bytes bytes() const override { return held_; }

  private:
    struct Dated {
        CachedEvents record;
        Nanoseconds at;
    };

    bool expired(const Dated& dated, Nanoseconds now) const { return now - dated.at >= ttl_; }
    static Bytes cost(const CachedEvents& record) { return 2 * sizeof(void*) + sizeof(Dated) + heap_bytes(record); }

    const Nanoseconds ttl_;
    std::list<Dated> records_;  // oldest first
    Bytes held_ = 0;
};

}  // namespace

std::unique_ptr<CacheMode> make_ttl(const CacheLimits& limits) { return std::make_unique<Ttl>(limits.ttl); }

}  // namespace leakline::service
